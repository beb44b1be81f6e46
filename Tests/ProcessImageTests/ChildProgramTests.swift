import Foundation
import Synchronization
import TestSupport
import Testing

/// What the tests themselves stand on: whether a program that they started has ended.
struct ChildProgramTests {
  /// The shell is done; what it left behind goes on, with whatever it has inherited.
  @Test func whatAChildLeavesBehindDoesNotCount() throws {
    let result = try Command.run("/bin/sh", ["-c", "sleep 600 & echo $!"], timeout: 60)
    let left = try #require(Int32(result.output.split(separator: "\n").first ?? ""))
    defer { kill(left, SIGKILL) }
    #expect(result.status == 0 && kill(left, 0) == 0)
  }

  /// Of programs that start in the same instant on many threads none has a descriptor of another one.
  @Test func childrenInheritNothingOfEachOther() {
    let seen = Mutex<[String]>([])
    DispatchQueue.concurrentPerform(iterations: 64) { _ in
      let listed = (try? Command.run("/bin/ls", ["/proc/self/fd"]))?.output ?? "none"
      seen.withLock { $0.append(listed) }
    }
    // The last one is the folder that is listed.
    #expect(seen.withLock { $0 }.allSatisfy { $0 == "0\n1\n2\n3\n" }, "\(seen.withLock { $0 })")
  }

  @Test func howTheyEnd() throws {
    #expect(try Command.run("/bin/sh", ["-c", "exit 7"]).status == 7)
    #expect(try Command.run("/bin/sh", ["-c", "kill -TERM $$"]).status == 128 + SIGTERM)
    #expect(throws: TestFailure.self) { _ = try ChildProgram("/nowhere/program") }
    let child = try ChildProgram("/bin/sleep", ["600"])
    #expect(child.isRunning)
    child.stop()
    child.stop()
    #expect(child.end == .signalled(SIGKILL))
  }

  /// A stop that a tracer sees is no end, and stays the tracer's to see.
  @Test func stopsAreNoEnds() throws {
    let child = try ChildProgram("/bin/sleep", ["600"])
    defer { child.stop() }
    child.signal(SIGSTOP)
    #expect(
      eventually(within: 60) {
        (try? String(contentsOfFile: "/proc/\(child.pid)/stat", encoding: .utf8))?.contains(") T ") == true
      })
    #expect(child.isRunning)
    child.signal(SIGCONT)
    #expect(child.isRunning)
  }
}
