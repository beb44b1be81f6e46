import Foundation
import TestSupport
import Testing

@testable import ProcessImage

/// Functions that run in a copy: what they do stays there, and what would reach beyond it does not happen.
@Suite struct TrialRunTests {
  private static func run(_ function: String, argument: UInt64 = 0, limit: UInt64 = 10_000_000_000) throws
    -> (Result<UInt64, TrialRun.Failure>, RunningProgram, ProgramFacts)
  {
    let program = try RunningProgram(try TestProgram.path("trials.c", .c(["-O1", "-pthread"])))
    let facts = ProgramFacts(program.output)
    let address = try facts.value(function)
    let process = try FrozenProcess.freeze(program.pid)
    defer { process.release() }
    let outcome = Result { () throws(TrialRun.Failure) in
      try process.trial { () throws(TrialRun.Failure) in
        try TrialRun(child: process.copyPid, deadline: Clocks.monotonic &+ limit).call(address, argument)
      }
    }
    return (outcome, program, facts)
  }

  @Test func changesStayInTheCopy() throws {
    let (outcome, program, facts) = try Self.run("change", argument: 41)
    #expect(outcome == .success(42))
    let image = try ProcessImage.running(pid: program.pid)
    #expect(try image.memory.load(UInt64.self, at: facts.value("state")) == 7)
    #expect(try Procfs.status(of: program.pid).residentBytes > 60 << 20)
  }

  @Test func aLockThatNobodyLetsGoEndsIt() throws {
    #expect(try Self.run("lock").0 == .failure(.locked))
  }

  @Test func nothingReachesTheWorld() throws {
    let (outcome, program, _) = try Self.run("speak")
    #expect(outcome == .failure(.forbidden(call: 1)))
    #expect(!program.output.contains("HEARD"))
  }

  @Test func aCrashIsTheCopys() throws {
    let (outcome, program, _) = try Self.run("crash")
    #expect(outcome == .failure(.crashed(signal: SIGSEGV)))
    #expect(kill(program.pid, 0) == 0)
  }

  @Test func itIsBoundedInTime() throws {
    #expect(try Self.run("spin", limit: 300_000_000).0 == .failure(.timedOut))
  }

  @Test func nothingRunsAfterRelease() throws {
    let program = try RunningProgram(try TestProgram.path("trials.c", .c(["-O1", "-pthread"])))
    let process = try FrozenProcess.freeze(program.pid)
    process.release()
    #expect(throws: TrimTrialFailure(failure: .ended)) { try process.tryTrim(function: 1) }
  }

  @Test func failuresSayWhatTheKernelSaid() {
    #expect(
      TrimTrialFailure(failure: .failed(step: "reading memory", errno: EPERM)).description
        == "malloc_trim(0) was not tried to its end: reading memory failed: Operation not permitted")
  }
}
