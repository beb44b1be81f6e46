import Diagnosis
import Foundation
import Measurement
import ProcessImage
import Reports
import Timeline

/// `memwhy PID`: watch for a while with a snapshot at each end, then decide.
struct WholeDiagnosis {
  struct Options {
    var duration: TimeSpan
    var limit: ByteCount?
    var load: LoadSource.Address?
    /// A history whose samples and snapshots count too.
    var history: String?
  }

  let request: AnalysisRequest
  let pid: Int32
  let options: Options
  let progress: Progress

  /// - Throws: `CLIError` only; where the process ends while it is watched, what was seen by then decides.
  func run() throws(CLIError) -> ReportModel {
    // First of all: what cannot be opened must not cost the process a pause.
    let past = try loadPast()
    let age = Self.age(of: pid)
    let load = options.load.map { LoadSource($0, interval: 1_000_000_000) }
    load?.start()
    defer { load?.stop() }
    let pipeline = Pipeline()
    let first = try pipeline.capture(request, progress: progress, findsHolders: true)
    let watched = watch(load, start: Clocks.monotonic)
    var last = first
    var remarks: [String] = []
    do {
      last = try pipeline.capture(request, progress: progress, findsHolders: true)
    } catch {
      remarks.append("no second snapshot: \(error)")
    }
    progress.update("deciding")
    let evidence = Evidence(
      lives: past.lives(continuedBy: watched.samples), heaps: past.heaps + [first.facts, last.facts],
      limit: options.limit.map { Double($0.bytes) }, loadName: options.load?.metric, age: past.isEmpty ? age : nil)
    var report = last.report
    report.growth = Weighing.verdict(evidence, events: past.events + watched.events, remarks: past.remarks + remarks)
    report.growth?.moments = GrowthReport.Moment.all(evidence.heaps)
    return report
  }

  private func watch(_ load: LoadSource?, start: UInt64) -> (samples: [Sample], events: [TimelineEvent]) {
    // Some dozen samples are what the tests need, however short the watch.
    let interval = min(max(options.duration.nanoseconds / 40, 50_000_000), 1_000_000_000)
    var recorder = Recorder(.pid(pid), interval: interval, load: load)
    var samples: [Sample] = []
    var events: [TimelineEvent] = []
    let stop = StopFlag()
    let whole = TimeSpan(nanoseconds: options.duration.nanoseconds)
    while true {
      let tick = recorder.tick()
      events += tick.events
      // Its restart is another process: the second snapshot would not be of the same heap.
      if recorder.pid != pid { break }
      if let sample = tick.sample { samples.append(sample) }
      let passed = Clocks.monotonic &- start
      guard passed < options.duration.nanoseconds else { break }
      progress.update("watching for \(whole)", Double(passed) / Double(options.duration.nanoseconds))
      stop.wait(min(interval, options.duration.nanoseconds - passed))
    }
    return (samples, events)
  }

  /// Seconds since the process began.
  private static func age(of pid: Int32) -> Double? {
    guard let stat = try? Procfs.stat(of: pid) else { return nil }
    return Double(Clocks.boot) / 1e9 - Double(stat.startTime) / Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))
  }

  private func loadPast() throws(CLIError) -> Past {
    guard let path = options.history else { return Past() }
    do throws(TimelineError) {
      return try Past(History.reading(path), pid: pid)
    } catch { throw CLIError(error) }
  }
}

/// What a history knows of a process and of its lives before.
struct Past {
  private var runs: [(run: Run, samples: [Sample])] = []
  private(set) var heaps: [HeapFacts] = []
  private(set) var events: [TimelineEvent] = []
  private(set) var remarks: [String] = []
  private var isSameLife = false
  var isEmpty: Bool { runs.isEmpty }

  init() {}

  init(_ history: History, pid: Int32) throws(TimelineError) {
    let command = ProcessIdentity(of: pid).command
    let start = (try? Procfs.stat(of: pid))?.startTime
    let all = try history.runs().filter { $0.run.command == command || $0.run.pid == pid && $0.run.startTicks == start }
    guard !all.isEmpty else {
      remarks.append("\(history.path) has nothing of this process")
      return
    }
    let rows = try history.samples(runs: all.map(\.id))
    for run in all {
      runs.append((run.run, rows.filter { $0.run == run.id }.map(\.sample)))
    }
    let current = all.last { $0.run.pid == pid && $0.run.startTicks == start }
    isSameLife = current != nil && current?.id == all.last?.id
    if let current {
      heaps = try history.captures(runs: [current.id]).compactMap {
        try? JSONDecoder().decode(HeapFacts.self, from: Data($0.content.utf8))
      }.filter(\.isPlausible)
    }
    events = try history.events(from: all.map(\.first).min() ?? .min)
  }

  /// The lives of before, the last of them going on with the new samples where it is the same process.
  func lives(continuedBy samples: [Sample]) -> [[Sample]] {
    var lives = runs.map(\.samples)
    if isSameLife, let last = lives.popLast() {
      return lives + [last + samples.filter { $0.time > last.last?.time ?? .min }]
    }
    return lives + [samples]
  }
}
