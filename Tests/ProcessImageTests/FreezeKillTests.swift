import Foundation
import TestSupport
import Testing

@testable import ProcessImage

/// SIGKILL of the tool at any instant. 300 times by default; `MEMWHY_KILLS` says otherwise, see scripts/kill-test.
@Suite(.serialized) struct FreezeKillTests {
  private static let kills = ProcessInfo.processInfo.environment["MEMWHY_KILLS"].flatMap { Int($0) } ?? 300
  /// Time for all of them; what was not reached is said aloud.
  private static let seconds = ProcessInfo.processInfo.environment["MEMWHY_KILL_SECONDS"].flatMap { Double($0) } ?? 170

  private struct Tally {
    var killed = 0
    var finished = 0
    var byPhase: [String: Int] = [:]
    var zombies = 0
    var swept = 0
    var slowest = 0.0
  }

  @Test func targetNeverNotices() throws {
    let target = try SelfCheckingProgram()
    let progressFile = NSTemporaryDirectory() + "memwhy-progress-\(getpid())"
    defer { unlink(progressFile) }
    _ = FileManager.default.createFile(atPath: progressFile, contents: Data(count: 4096))
    var tally = Tally()
    let deadline = Date().addingTimeInterval(Self.seconds)
    var round = 0
    while tally.killed < Self.kills, Date() < deadline {
      round += 1
      try kill(target, round: round, progressFile: progressFile, tally: &tally)
      guard target.program.isRunning else {
        Issue.record("the target died in round \(round): \(target.message)")
        return
      }
      #expect(target.makesProgress(), "round \(round): the target stands still")
      #expect(target.heldThreads == [], "round \(round)")
      #expect(
        eventually(within: 20) { children(of: target.pid).allSatisfy { $0.state == "Z" } },
        "round \(round): living children \(children(of: target.pid))")
      #expect(target[.errors] == 0, "round \(round): \(target.message)")
      tally.zombies = max(tally.zombies, children(of: target.pid).count)
      if round % 10 == 0 { try sweep(target, tally: &tally) }
    }
    try sweep(target, tally: &tally)
    print(
      "killed \(tally.killed) times, \(tally.finished) runs came to their end first; last step before the kill:",
      tally.byPhase.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
    print(
      "zombies: at most \(tally.zombies) at once, \(tally.swept) swept; interrupted calls \(target.sum(.interrupted)), short "
        + "transfers \(target.sum(.short)), checks \(target[.checks]), slowest end of the tool \(tally.slowest) s")
    if tally.killed < Self.kills { print("only \(tally.killed) of \(Self.kills) kills fitted into \(Self.seconds) s") }
    #expect(tally.killed > 0)
    let verdict = target.finish()
    #expect(verdict.hasPrefix("PASS"), "\(verdict)")
  }

  /// Even rounds die at an exact step, odd ones at a random instant.
  private func kill(_ target: SelfCheckingProgram, round: Int, progressFile: String, tally: inout Tally) throws {
    let progress = try #require(FileHandle(forUpdatingAtPath: progressFile))
    defer { try? progress.close() }
    try progress.seek(toOffset: 0)
    try progress.write(contentsOf: Data([0]))
    let tool: VictimTool
    let result: VictimTool.End?
    let start: Date
    if round % 2 == 0 {
      let phase = FreezePhase.allCases[round / 2 % FreezePhase.allCases.count]
      start = Date()
      tool = try VictimTool(target.pid, ["--die-at", phase.rawValue, "--progress", progressFile])
      result = tool.end(within: 60)
    } else {
      tool = try VictimTool(
        target.pid, ["--jitter", "\([0, 300, 1000, 2000][round / 2 % 4])", "--progress", progressFile])
      usleep(UInt32.random(in: 5_000...160_000))
      Glibc.kill(tool.pid, SIGKILL)
      start = Date()
      result = tool.end(within: 60)
    }
    tally.slowest = max(tally.slowest, Date().timeIntervalSince(start))
    switch result {
    case .killed(SIGKILL)?:
      tally.killed += 1
      try progress.seek(toOffset: 0)
      let step = Int(try progress.read(upToCount: 1)?.first ?? 0)
      let name =
        step == 0 ? "before" : step <= FreezePhase.allCases.count ? FreezePhase.allCases[step - 1].rawValue : "?"
      tally.byPhase[name, default: 0] += 1
    case .exited(0)?: tally.finished += 1
    case .exited(70)?: tally.finished += 1  // It gave up, for instance because a thread did not stop on a busy host.
    default: Issue.record("round \(round): the tool ended with \(String(describing: result))")
    }
  }

  /// The next ordinary run removes what killed ones left.
  private func sweep(_ target: SelfCheckingProgram, tally: inout Tally) throws {
    let before = children(of: target.pid).count { $0.state == "Z" }
    for _ in 0..<3 {
      let frozen = try? FrozenProcess.freeze(target.pid)
      frozen?.release()
      if children(of: target.pid).isEmpty { break }
      usleep(50_000)
    }
    let after = children(of: target.pid)
    #expect(after.isEmpty, "left behind: \(after)")
    tally.swept += before
  }
}
