import Foundation
import SamplerTable
import TestSupport
import Testing

/// Stacks of a release build with tasks, queues and Foundation.
@Suite(.serialized) struct StackTests {
  private static func program() throws -> String {
    try TestProgram.path(
      "sampler/tasks.swift", .swift(["-O", "-parse-as-library", "-Xcc", "-fno-omit-frame-pointer"]))
  }

  /// The same program with the same seed, once by frame pointers and once by the unwinder: the stacks in front of a task's start must be
  /// the same ones, as often.
  @Test func frameWalksEqualTheUnwinders() throws {
    let program = try Self.program()
    func stacks(_ extra: [String: String]) throws -> [[String]: Double] {
      let run = try SamplerRun(interval: 2048, extra: extra.merging(["SWIFT_DETERMINISTIC_HASHING": "1"]) { $1 })
      let result = try run.run(program, ["1500"])
      try #require(result.output.hasPrefix("done true"))
      let table = try run.read()
      if !extra.isEmpty { #expect(table.sites.filter(\.isFromUnwinder).count > table.sites.count * 9 / 10) }
      var found: [[String]: Double] = [:]
      for site in table.sites { found[Self.place(site, table), default: 0] += Double(site.samples) }
      let all = found.values.reduce(0, +)
      return found.mapValues { $0 / all }
    }
    let byFrames = try stacks([:])
    let byTables = try stacks(["MEMWHY_SAMPLER_STACKS": "unwinder"])
    // The unwinder stops where a function has no unwind information; the walk goes on. Such a pair agrees as far as both go. A stack
    // that one of them gets wrong is one that the other never has, whole or in part; rare stacks may be missing by chance.
    let whole = Set(byTables.keys)
    func agrees(_ stack: [String]) -> Bool {
      whole.contains(stack) || (2..<max(stack.count, 2)).contains { whole.contains(Array(stack.prefix($0))) }
    }
    let strange = byFrames.filter { !agrees($0.key) }.values.reduce(0, +)
    #expect(strange < 0.01, "\(strange) of the samples have stacks that the unwinder never gives")
    let parts = Set(byFrames.keys.flatMap { stack in (1...max(stack.count, 1)).map { Array(stack.prefix($0)) } })
    let missed = byTables.filter { !parts.contains($0.key) }.values.reduce(0, +)
    #expect(missed < 0.01, "\(missed) of the unwinder's samples have stacks that the walk never gives")
  }

  /// Modules and offsets of the stack's own frames, without the C library's start-up code, which only the unwinder walks to its end.
  private static func place(_ site: SamplerTable.Site, _ table: SamplerTable) -> [String] {
    var result: [String] = []
    for address in site.addresses.prefix(site.asyncFrom) {
      guard let module = table.module(containing: address).map({ table.modules[$0] }) else { return result + ["?"] }
      result.append("\(module.path.split(separator: "/").last ?? "")+\(address &- module.bias)")
    }
    while let last = result.last, last.hasPrefix("libc.so") || last.hasPrefix("?") { result.removeLast() }
    // _start, which only the unwinder sees.
    if site.isFromUnwinder, !site.isInTask, result.count > 1, let last = result.last, last.hasPrefix("tasks-") {
      let name = result.dropLast().last ?? ""
      if name.hasPrefix("libc.so") {
        result.removeLast()
        while let last = result.last, last.hasPrefix("libc.so") { result.removeLast() }
      }
    }
    return result
  }

  @Test func asyncCallersArePresentInTasks() throws {
    let run = try SamplerRun(interval: 2048)
    _ = try run.run(try Self.program(), ["1500"])
    let table = try run.read()
    let inTask = table.sites.filter(\.isInTask)
    let all = inTask.reduce(0) { $0 + $1.samples }
    let withCallers = inTask.filter { $0.asyncFrom < $0.addresses.count }.reduce(0) { $0 + $1.samples }
    try #require(all > 1000)
    #expect(Double(withCallers) / Double(all) >= 0.95, "\(withCallers) of \(all)")
    // Chains lead into known code.
    for site in inTask {
      for frame in site.frames where frame.kind == .resumeFunction {
        #expect(table.module(containing: frame.address) != nil)
      }
    }
    // The toolchain's runtime has its symbols.
    #expect(table.header.flags.contains(.asyncExact))
  }

  @Test func programsWithoutFramePointersAreSaidAndUnwound() throws {
    let program = try TestProgram.path("sampler/tasks.swift", .swift(["-O", "-parse-as-library"]))
    let run = try SamplerRun(interval: 4096)
    _ = try run.run(program, ["500"])
    let table = try run.read()
    #expect(table.header.flags.contains(.noFramePointers))
    let unwound = table.sites.filter(\.isFromUnwinder).reduce(0) { $0 + $1.samples }
    #expect(Double(unwound) > 0.9 * Double(table.header.samples))
  }

  /// A stripped runtime does not say where its loop is. It calls more than async functions: what stands where these keep their context is never followed.
  @Test func aStrippedRuntimeIsNotGuessedAt() throws {
    let object = try TestProgram.path("sampler/callback.c", .c(["-c", "-fPIC"]))
    let program = try TestProgram.path(
      "sampler/executor.swift", .swift(["-O", "-parse-as-library", "-Xcc", "-fno-omit-frame-pointer", object]))
    let libraries = try makeTemporaryFolder("stripped")
    defer { try? FileManager.default.removeItem(atPath: libraries) }
    let known = try SamplerRun(interval: 1)
    #expect(try known.run(program).output == "done 100\n")
    let exact = try known.read()
    #expect(exact.header.flags.contains(.asyncExact) && exact.header.asyncStacks > 100)
    let runtime = try #require(exact.modules.first { $0.path.hasSuffix("/libswift_Concurrency.so") }?.path)
    let copy = libraries + "/libswift_Concurrency.so"
    #expect(try Command.run("strip", ["-o", copy, runtime]).status == 0)
    let others = (runtime as NSString).deletingLastPathComponent
    let run = try SamplerRun(interval: 1, extra: ["LD_LIBRARY_PATH": "\(libraries):\(others)"])
    let result = try run.run(program)
    #expect(result.output == "done 100\n" && result.status == 0, "\(result)")
    let table = try run.read()
    #expect(table.modules.contains { $0.path == copy })
    #expect(table.header.flags.contains(.asyncUnknown) && table.header.asyncStacks == 0)
  }

  /// With the runtime in the executable itself: where async functions begin is known by its symbol table, and without one nothing is guessed.
  @Test func theStaticRuntimeIsKnownByItsSymbols() throws {
    let flags = ["-O", "-parse-as-library", "-static-stdlib", "-Xcc", "-fno-omit-frame-pointer"]
    func table(strip: Bool) throws -> (SamplerTable, output: String) {
      let program = try TestProgram.path("sampler/tasknames.swift", .swift(flags), strip: strip)
      let run = try SamplerRun(interval: 1)
      let running = try RunningProgram(program, environment: run.environment)
      defer { running.stop() }
      return (try run.read(), running.output)
    }
    let (known, output) = try table(strip: false)
    #expect(known.header.flags.isSuperset(of: [.asyncExact, .taskNames]))
    let inTask = known.sites.filter(\.isInTask)
    let all = inTask.reduce(0) { $0 + $1.samples }
    let withCallers = inTask.filter { $0.asyncFrom < $0.addresses.count }.reduce(0) { $0 + $1.samples }
    // The runtime's own allocations when a task begins have no callers yet; the program does little else.
    #expect(Double(withCallers) / Double(all) >= 0.9, "\(withCallers) of \(all)")
    let (bare, same) = try table(strip: true)
    #expect(same == output)
    #expect(bare.header.samples > 100 && bare.damage.isEmpty)
    #expect(!bare.header.flags.contains(.asyncExact))
    #expect(bare.sites.allSatisfy { $0.asyncFrom == $0.addresses.count })
  }
}
