import Foundation
import HeapGraph
import Reports
import TestSupport
import Testing

/// Roots that belong to one thread or one task, by the variable's name.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct ThreadLocalTests {
  private func answer(_ arguments: [String]) throws -> HoldersAnswer {
    let result = try MemwhyBinary.run(arguments + ["--json"])
    guard result.status == 0 else { throw TestFailure("\(arguments): \(result.status) \(result.errors)") }
    return try JSONDecoder().decode(HoldersAnswer.self, from: Data(result.output.utf8))
  }

  /// Variables of the program and of a library that was loaded later, and pthread keys in and past the descriptor, in two threads.
  @Test(arguments: [false, true]) func variablesOfC(stripped: Bool) throws {
    let library = try TestProgram.path("threadlocals.c", .c(["-O1", "-fPIC", "-shared", "-DLIBRARY"]), strip: stripped)
    let program = try RunningProgram(
      TestProgram.path("threadlocals.c", .c(["-O1", "-lpthread", "-ldl"]), strip: stripped), [library])
    defer { program.stop() }
    let keys = try #require(program.output.split(separator: "\n").first { $0.hasPrefix("keys ") }).split(separator: " ")
    let retained = try #require(try answer(["retained", "--min-share", "0", "\(program.pid)"]).retained)
    // One size for each variable and thread.
    func holders(_ bytes: Int) -> [String] {
      func all(_ holder: Holder, _ roots: [String]) -> [String] {
        let own = holder.kind == .blocks && Int(holder.ownBytes) == holder.count * (((bytes + 23) & ~15) - 8)
        return (own ? roots : []) + holder.children.flatMap { all($0, roots) }
      }
      return retained.holders.flatMap { all($0, $0.kind == .root ? [$0.name] : $0.heldBy) }
    }
    for (base, thread) in [(10_000, "the main thread"), (20_000, " (worker)")] {
      // A stripped program keeps what it exports: of its own variables none.
      for (extra, name) in [
        (0, stripped ? "+0x" : "current"), (1000, stripped ? "+0x" : "session"), (4000, "plugged"),
      ] {
        let roots = holders(base + extra)
        let title = roots.first { $0.hasPrefix("thread-local ") } ?? ""
        #expect(title.contains(name) && title.hasSuffix(thread), "\(base + extra): \(roots)")
      }
      for (extra, key) in [(2000, keys[1]), (3000, keys[2])] {
        // A word of the stack may lead there as well.
        let roots = holders(base + extra)
        #expect(
          roots.isEmpty || roots.contains { $0.hasPrefix("value of pthread key \(key) in ") && $0.hasSuffix(thread) },
          "\(base + extra): \(roots)")
      }
    }
    #expect(!holders(10_000 + 3000).isEmpty || !holders(20_000 + 3000).isEmpty)
  }

  /// Objects of Swift: by the key and the thread, and by the task-local variable.
  @Test func valuesOfSwift() throws {
    let path = try TestProgram.path(
      "threadvalues.swift", .swift(["-O", "-g", "-swift-version", "6", "-parse-as-library"]))
    let program = try RunningProgram(path)
    defer { program.stop() }
    let key = try #require(program.output.split(separator: "\n").first { $0.hasPrefix("key ") }).dropFirst(4)
    let sessions = try #require(try answer(["path", "Session", "\(program.pid)"]).paths)
    #expect(sessions.objects == 3)
    let named = sessions.groups.filter { $0.root.title.hasPrefix("value of pthread key \(key) in thread ") }
    #expect(named.reduce(0) { $0 + $1.objects } == 3, "\(sessions.groups.map(\.text))")
    let traces = try #require(try answer(["path", "Trace", "\(program.pid)"]).paths)
    #expect(traces.objects == 20)
    let bound = traces.groups.filter { $0.text.contains("(task-local Request.trace) -> ") }
    // The last one may still be in a register or on the stack of the main thread.
    #expect(bound.reduce(0) { $0 + $1.objects } >= 18, "\(traces.groups.map(\.text))")
  }
}
