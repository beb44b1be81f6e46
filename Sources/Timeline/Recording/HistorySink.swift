/// Puts what a recorder saw into a history, and keeps it in memory while that cannot be written.
public struct HistorySink: Sendable {
  private var history: History
  private let target: String
  private var run: (Run, Int64)?
  private var waiting: [Entry] = []

  private struct Entry: Sendable {
    var run: Run?
    var samples: [Sample]
    var events: [TimelineEvent]
    /// A snapshot of the heap and when it was taken.
    var capture: (content: String, time: Int64)?
  }
  /// Milliseconds since 1970; nil for at once.
  private var nextMaintenance: Int64?
  /// Samples that wait for a disk that is full; older ones are dropped, and counted.
  private static let most = 36_000
  /// Snapshots that wait; older ones are dropped, as in the file. Each takes as much memory as hundreds of samples, and the service may share that.
  private static let mostCaptures = 12
  private static let maintenanceInterval: Int64 = 600_000
  /// A clock that has just been set may be set again: what is old by a wrong clock is not thrown away for this long.
  private static let distrust: Int64 = 3_600_000
  /// Why writing fails just now; nil while it works.
  public private(set) var failure: String?
  public private(set) var dropped = 0
  public private(set) var written = 0

  /// - Parameter target: by what the runs of this target are found again: a name, a group's path, a command.
  public init(_ history: History, target: String) {
    self.history = history
    self.target = target
  }

  /// - Parameter capture: a snapshot of the heap that was finished since, as JSON.
  public mutating func add(_ tick: Recorder.Tick, capture: (content: String, time: Int64)? = nil) {
    waiting.append(
      Entry(run: tick.run, samples: tick.sample.map { [$0] } ?? [], events: tick.events, capture: capture))
    if waiting.count > Self.most {
      dropped += waiting.count - Self.most
      waiting.removeFirst(waiting.count - Self.most)
    }
    if capture != nil { dropOldCaptures() }
    flush()
    if let jump = tick.events.last(where: { $0.kind == .clockJump }) { nextMaintenance = jump.time + Self.distrust }
    guard failure == nil, let time = tick.sample?.time, nextMaintenance.map({ time >= $0 }) ?? true else { return }
    nextMaintenance = time + Self.maintenanceInterval
    do throws(TimelineError) { try history.maintain(now: time) } catch { failure = "\(error)" }
  }

  private mutating func dropOldCaptures() {
    var kept = 0
    for index in waiting.indices.reversed() where waiting[index].capture != nil {
      kept += 1
      if kept > Self.mostCaptures { waiting[index].capture = nil }
    }
  }

  /// Samples that wait to be written.
  public var unwritten: Int { waiting.reduce(0) { $0 + $1.samples.count } }

  /// Number of the run in the file, once it has been written.
  public var currentRun: Int64? { run?.1 }

  /// Somebody may remove the file: what goes into a file without a name is lost with this process.
  private mutating func reopen() {
    guard !history.isInPlace else { return }
    do throws(TimelineError) {
      history = try history.begunAgain()
      run = nil
    } catch { failure = "\(error)" }
  }

  public mutating func flush() {
    reopen()
    var done = 0
    defer { waiting.removeFirst(done) }
    for index in waiting.indices {
      let entry = waiting[index]
      do throws(TimelineError) {
        if let new = entry.run, run?.0 != new {
          let time = entry.samples.first?.time ?? entry.events.first?.time ?? entry.capture?.time ?? 0
          run = (new, try history.identifier(of: new, target: target, time: time))
        }
        try history.append(entry.samples, events: entry.events, run: entry.run == nil ? nil : run?.1)
        written += entry.samples.count
        // Not again, if the snapshot has to wait: events would be there twice.
        waiting[index].samples = []
        waiting[index].events = []
        if let capture = entry.capture, let own = run?.1 {
          try history.append(capture: capture.content, time: capture.time, run: own)
        }
        failure = nil
        done += 1
      } catch {
        failure = "\(error)"
        return
      }
    }
  }
}
