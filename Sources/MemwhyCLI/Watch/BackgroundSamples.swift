import Glibc
import ProcessImage
import Synchronization
import Timeline

/// Takes samples of a process on a thread of its own, so that they go on while a snapshot is read.
///
/// Ends by itself where the process ends, is restarted, or starts another program: the second snapshot would not be of the same heap.
final class BackgroundSamples: Sendable {
  private struct State: Sendable {
    var samples: [Sample] = []
    var events: [TimelineEvent] = []
    /// What memwhy itself needs may be charged to the same control group.
    var isReading = true
  }

  private let state = Mutex(State())
  /// Raised to end the thread.
  private let stop = StopFlag()
  /// Raised by the thread when it ends.
  private let over = StopFlag()
  private let recorder: Recorder
  private let pid: Int32
  private let interval: UInt64

  /// Begins at once; where there can be no thread, nothing is sampled.
  ///
  /// - Parameter interval: nanoseconds between two samples.
  init(_ recorder: Recorder, pid: Int32, interval: UInt64) {
    self.recorder = recorder
    self.pid = pid
    self.interval = interval
    if let thread = SystemThread({ self.run() }) { thread.detach() } else { over.raise() }
  }

  /// Samples so far.
  var count: Int { state.withLock { $0.samples.count } }

  var isOver: Bool { over.isRaised }

  /// Sleeps at most this many nanoseconds, or until it is over.
  func wait(_ nanoseconds: UInt64) { over.wait(nanoseconds) }

  /// From now on the numbers of the control group count.
  func ownMemoryIsSmall() { state.withLock { $0.isReading = false } }

  /// Ends it, after the sample that is being taken. Safe to call twice.
  ///
  /// - Returns: what was seen, in order.
  @discardableResult
  func end() -> (samples: [Sample], events: [TimelineEvent]) {
    stop.raise()
    // A reading that hangs in the kernel must not hold the answer.
    let deadline = Clocks.monotonic &+ 5_000_000_000
    while !over.isRaised, Clocks.monotonic < deadline { over.wait(50_000_000) }
    return state.withLock { ($0.samples, $0.events) }
  }

  private static let ofGroup = Metric.allCases.filter { $0.name.hasPrefix("group_") }

  private func run() {
    var recorder = recorder
    var life: Run?
    while !stop.isRaised {
      let start = Clocks.monotonic
      let tick = recorder.tick()
      let isSame = recorder.pid == pid && life.map { $0 == recorder.run } ?? true
      life = recorder.run
      state.withLock { state in
        state.events += tick.events
        guard isSame, var sample = tick.sample else { return }
        if state.isReading { for metric in Self.ofGroup { sample[metric] = nil } }
        state.samples.append(sample)
      }
      guard isSame else { break }
      let taken = Clocks.monotonic &- start
      stop.wait(taken < interval ? interval - taken : 0)
    }
    over.raise()
  }
}
