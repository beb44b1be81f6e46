import Diagnosis
import Measurement
import ProcessImage
import Timeline

/// The loop of `memwhy watch`: look, keep, print, sleep.
struct WatchSession {
  private var recorder: Recorder
  private var sink: HistorySink?
  private var printer: WatchPrinter
  private let load: LoadSource?
  private let interval: UInt64
  private let target: Watched
  private var lastFailure: String?
  /// The life for which the control group was described.
  private var groupSaid: Run?
  private var timer: SnapshotTimer
  private let taker: SnapshotTaker

  /// - Throws: `CLIError` where there is nothing to watch or the history cannot be opened.
  init(
    target: Watched, interval: UInt64, load: LoadSource.Address?, snapshots: SnapshotSchedule = .off,
    historyPath: String?, printer: WatchPrinter
  ) throws(CLIError) {
    self.target = target
    self.interval = interval
    self.printer = printer
    timer = SnapshotTimer(snapshots)
    try Self.requireTarget(target)
    self.load = load.map { LoadSource($0, interval: max(interval, 1_000_000_000)) }
    taker = SnapshotTaker(load: self.load)
    recorder = Recorder(target, interval: interval, load: self.load)
    guard let historyPath else { return }
    do throws(TimelineError) {
      let (history, aside) = try History.open(historyPath)
      if let aside {
        printer.note("the history could not be read and was moved to \(aside); a new one begins in \(historyPath)")
      }
      sink = HistorySink(history, target: Self.key(target))
      printer.note("recording \(target.description) every \(TimeSpan(nanoseconds: interval)) into \(historyPath)")
    } catch { throw CLIError(error) }
  }

  /// By what the runs of a target belong together: a pid alone would not survive a restart.
  private static func key(_ target: Watched) -> String {
    switch target {
    case .pid(let pid):
      let command = ProcessIdentity(of: pid).command
      return command.isEmpty ? "pid \(pid)" : command
    case .name(let name): return "name \(name)"
    case .group(let path): return "cgroup \(path)"
    }
  }

  /// A process by id and a group must be there now; a name may come later.
  private static func requireTarget(_ target: Watched) throws(CLIError) {
    switch target {
    case .pid(let pid):
      do throws(ProcessImageError) { _ = try Procfs.target(pid) } catch { throw CLIError(error) }
    case .group(let path):
      do throws(TimelineError) { _ = try ControlGroupReader(folder: path) } catch { throw CLIError(error) }
    case .name:
      do throws(ProcessImageError) { try Procfs.requireOwnNamespace() } catch { throw CLIError(error) }
    }
  }

  /// Ends after `limit` nanoseconds, or at the first signal.
  mutating func run(for limit: UInt64?) throws {
    let stop = StopFlag()
    Interruption.shared.endGently { stop.raise() }
    load?.start()
    defer {
      load?.stop()
      Interruption.shared.endGently(nil)
    }
    let start = Clocks.monotonic
    var next = start
    var hasSeen = false
    var hasSaid = false
    var relatives: (pid: Int32, first: Relatives)?
    while !stop.isRaised {
      var tick = recorder.tick()
      hasSeen = hasSeen || tick.run != nil
      if case .pid(let pid) = target, relatives == nil { relatives = (pid, Relatives(of: pid)) }
      if !hasSeen, !hasSaid {
        printer.note("there is no process \(target.description) yet: waiting for one")
        hasSaid = true
      }
      sayGroup(tick)
      let capture = snapshot(&tick)
      sink?.add(tick, capture: capture)
      report()
      guard printer.show(tick) else { break }
      next &+= interval
      let now = Clocks.monotonic
      // Late by more than one turn: the missed ones are not made up for.
      if next < now { next = now }
      if let limit, next &- start >= limit {
        stop.wait(limit > now &- start ? limit &- (now &- start) : 0)
        break
      }
      stop.wait(next - now)
    }
    // What was begun is kept.
    taker.finish(within: 30_000_000_000)
    if taker.take().map({ keep($0) }) == nil { sink?.flush() }
    report()
    if let sink {
      let lost = sink.unwritten + sink.dropped
      printer.note(
        "\(Count(sink.written).of("sample")) kept" + (lost > 0 ? ", \(lost) lost: they could not be written" : ""))
    }
    if let relatives { sayRelatives(of: relatives.pid, since: relatives.first) }
    if !hasSeen {
      throw CLIError.noInput(
        "there was no process \(target.description); --name takes a pattern over the program's file name, such as 'shop*', or the beginning of a command line with a slash in it"
      )
    }
  }

  /// At the end: which relative of the process grew in its place. Of a name, or a group, the largest is watched anyway.
  @inline(never)  // Swift 6.3.1's optimiser fails on it inside its caller.
  private func sayRelatives(of pid: Int32, since first: Relatives) {
    guard pid == recorder.pid, let hint = Relatives(of: pid).hint(since: first) else { return }
    printer.note(hint)
  }

  /// Once for each life: what the limit of its control group means.
  private mutating func sayGroup(_ tick: Recorder.Tick) {
    guard let run = tick.run, run != groupSaid, let sample = tick.sample, let limit = sample[.groupLimit] else {
      return
    }
    groupSaid = run
    let sentences = GroupMemory(sample).sentences
    guard !sentences.isEmpty else { return }
    printer.note(
      "the control group has a limit of \(ByteCount(saturating: limit)); \(sentences.joined(separator: "; "))")
  }

  /// Begins a snapshot where one is due, and takes over what has become of the last one.
  private mutating func snapshot(_ tick: inout Recorder.Tick) -> (content: String, time: Int64)? {
    guard timer.schedule != .off else { return nil }
    // Asked for once: Swift 6.3.1's optimiser fails on a second look in this function.
    let current = recorder.run
    if tick.events.contains(where: { $0.kind == .restarted || $0.kind == .ended }) { timer.restart() }
    var capture: (String, Int64)?
    let time = tick.sample?.time ?? Clocks.milliseconds
    if let result = taker.take() {
      tick.events.append(result.event(at: time))
      // Of a process that was restarted, or started another program, meanwhile it says nothing.
      if result.run == current {
        timer.finished(now: Clocks.monotonic, pause: result.facts?.pause ?? 0)
        result.write(into: &tick)
        capture = result.content.map { ($0, result.facts?.time ?? time) }
      }
    }
    if let run = current, !taker.isBusy, timer.isDue(now: Clocks.monotonic, level: tick.sample?[.rss]) {
      if let price = SnapshotTaker.price(of: run.pid) { printer.note("\(timer.schedule.description): \(price)") }
      _ = taker.start(run)
    }
    return capture
  }

  /// The snapshot that ended with the watch, with a last sample for its numbers.
  private mutating func keep(_ result: SnapshotTaker.Result) {
    let time = Clocks.milliseconds
    var tick = recorder.tick()
    let event = result.event(at: time)
    tick.events.append(event)
    printer.note(event.detail)
    let isCurrent = result.run == tick.run
    if isCurrent { result.write(into: &tick) }
    sink?.add(tick, capture: isCurrent ? result.content.map { ($0, result.facts?.time ?? time) } : nil)
  }

  private mutating func report() {
    guard let sink, sink.failure != lastFailure else { return }
    lastFailure = sink.failure
    printer.note(sink.failure ?? "the history can be written again")
  }
}

extension CLIError {
  init(_ error: TimelineError) {
    self =
      switch error {
      case .cannotOpen, .badGroup, .readFailed, .damaged, .otherHistory: .noInput("\(error)")
      case .badLoad: .usage("\(error)")
      case .noRoom, .notWritable: .notWritten("\(error)")
      case .writeFailed: .fault("\(error)")
      }
  }
}
