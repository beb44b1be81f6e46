import Diagnosis
import Foundation
import Measurement
import ProcessImage
import Reports
import Synchronization
import Timeline

/// Takes snapshots of a heap on a thread of its own, so that no sample waits for one.
final class SnapshotTaker: Sendable {
  struct Result: Sendable {
    /// The life of the process when it was begun.
    var run: Run
    var facts: HeapFacts?
    var failure: String?
  }

  private struct State {
    var isBusy = false
    var result: Result?
  }

  private let state = Mutex(State())
  private let load: LoadSource?

  /// - Parameter load: what each snapshot notes the count of.
  init(load: LoadSource?) { self.load = load }

  /// What a snapshot would cost, in a sentence; nil where the process cannot be looked at.
  static func price(of pid: Int32) -> String? {
    guard let target = try? Procfs.target(pid) else { return nil }
    let outlook = FreezeOutlook(of: target)
    if let refusal = outlook.refusal { return "a snapshot of process \(pid) would be refused: \(refusal)" }
    return "a snapshot pauses process \(pid) for about \(TimeSpan(nanoseconds: outlook.predictedPause))"
  }

  var isBusy: Bool { state.withLock { $0.isBusy } }

  /// What has come of the last one; once.
  func take() -> Result? {
    state.withLock { state in
      defer { state.result = nil }
      return state.result
    }
  }

  /// - Returns: false where one is being taken.
  func start(_ run: Run) -> Bool {
    let isFree = state.withLock { state in
      guard !state.isBusy else { return false }
      state.isBusy = true
      return true
    }
    guard isFree else { return false }
    guard let thread = SystemThread({ self.take(of: run) }) else {
      state.withLock { $0.isBusy = false }
      return false
    }
    thread.detach()
    return true
  }

  /// Waits until the running one is done, at most this many nanoseconds.
  func finish(within limit: UInt64) {
    let deadline = Clocks.monotonic &+ limit
    while isBusy, Clocks.monotonic < deadline { Clocks.sleep(10_000_000) }
  }

  private func take(of run: Run) {
    let request = AnalysisRequest(
      verb: "watch", target: .process(run.pid), freeze: .cow, memoryLimit: nil, cowBudget: nil,
      debugDirectories: [])
    var result = Result(run: run)
    do {
      result.facts = try Pipeline(load: load).capture(
        request, progress: Progress(isEnabled: false, isQuiet: true), depth: .holders
      ).facts.shortened()
    } catch { result.failure = "\(error)" }
    OwnMemory.giveBack()
    state.withLock { state in
      state.result = result
      state.isBusy = false
    }
  }
}

extension SnapshotTaker.Result {
  /// Glibc's own numbers, and tasks, as a sample has them.
  @inline(never)  // Swift 6.3.1's optimiser fails on it inside its callers.
  func write(into tick: inout Recorder.Tick) {
    guard let facts, var sample = tick.sample else { return }
    defer { tick.sample = sample }
    sample[.heapLive] = Double(facts.liveBytes)
    sample[.heapFree] = Double(facts.arenas.reduce(0) { $0 + $1.free })
    sample[.heapTop] = Double(facts.arenas.reduce(0) { $0 + $1.top })
    sample[.heapArenas] = Double(facts.arenas.count)
    sample[.heapBlocks] = Double(facts.liveBlocks)
    sample[.tasks] = Double(facts.census.reduce(0) { $1.kind == "task" ? $0 + $1.count : $0 })
    if let pause = facts.pause { sample[.pause] = Double(pause) / 1e9 }
  }

  /// The content of a capture in the history; nil where there is none.
  var content: String? {
    facts.flatMap { try? JSONEncoder().encode($0) }.map { String(decoding: $0, as: UTF8.self) }
  }

  func event(at time: Int64) -> TimelineEvent {
    let detail =
      failure.map { "no snapshot: \($0)" }
      ?? "snapshot: \(Count(Int(clamping: facts?.liveBlocks ?? 0)).of("live block")), \(ByteCount(facts?.liveBytes ?? 0))"
      + (facts?.pause.map { "; process \(run.pid) stood still for \(TimeSpan(nanoseconds: $0))" } ?? "")
    return TimelineEvent(time: time, kind: .snapshot, detail: detail)
  }
}
