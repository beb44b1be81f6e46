import Foundation
import HeapGraph
import Reports
import TestSupport
import Testing

/// Programs whose allocator memwhy does not know: what it cannot judge it must not say.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct ForeignAllocatorTests {
  private func start(_ count: Int) throws -> RunningProgram {
    let allocator = try TestProgram.path("foreign-malloc", .c(["-shared", "-fPIC", "-O2", "-fno-builtin"]))
    let path = try TestProgram.path(
      "sleepingtasks.swift", .swift(["-O", "-swift-version", "6", "-parse-as-library"]))
    return try RunningProgram(path, ["\(count)"], environment: ["LD_PRELOAD": allocator])
  }

  /// Each task of the program sleeps and will go on; those that have ended lie in memory that is free again.
  @Test func noTaskIsCalledLost() throws {
    let count = 100
    let program = try start(count)
    defer { program.stop() }
    let result = try MemwhyBinary.run(["tasks", "--json", "\(program.pid)"])
    try #require(result.status == 0, "\(result.errors)")
    let answer = try JSONDecoder().decode(HoldersAnswer.self, from: Data(result.output.utf8))
    let report = try #require(answer.tasks)
    let sleeping = try #require(
      report.groups.first { $0.state == .waitsForContinuation && $0.heldBy?.contains("handles") ?? false },
      "\(report.groups)")
    #expect(sleeping.tasks == count)
    #expect(report.groups.allSatisfy { $0.lost == 0 && $0.handleOnly == 0 }, "\(report.groups)")
    #expect(!report.groups.contains { $0.state == .complete }, "\(report.groups)")
    // The sleepers, their timers, and the main task with its own.
    #expect(report.tasks == 2 * count + 2, "\(report.groups)")
    #expect(answer.remarks.contains { $0.contains("leaks cannot be judged") }, "\(answer.remarks)")
  }

  @Test func leaksAreNotJudged() throws {
    let program = try start(10)
    defer { program.stop() }
    let result = try MemwhyBinary.run(["leaks", "\(program.pid)"])
    #expect(result.status == 0, "\(result.errors)")
    let text = result.output.replacing("\n", with: " ")
    #expect(text.hasPrefix("An unknown allocator does not say which blocks are live"), "\(text)")
    #expect(text.contains("leaks cannot be judged") && !text.contains("No leak"), "\(text)")
  }
}
