import Glibc
import ProcessImage

/// Looks at a target again and again and says what it saw and what happened in between.
///
/// Knows nothing of where the samples go, and takes the time as an argument: a test can let an hour pass in a millisecond.
public struct Recorder: Sendable {
  /// Result of one look.
  public struct Tick: Sendable {
    /// nil while the target is away.
    public var sample: Sample?
    /// The run that the sample belongs to.
    public var run: Run?
    public var events: [TimelineEvent]

    public init(sample: Sample? = nil, run: Run? = nil, events: [TimelineEvent] = []) {
      self.sample = sample
      self.run = run
      self.events = events
    }
  }

  /// The clocks at one look, in nanoseconds.
  public struct Now: Sendable, Hashable {
    public var wall, monotonic, boot: UInt64

    public init(wall: UInt64, monotonic: UInt64, boot: UInt64) {
      self.wall = wall
      self.monotonic = monotonic
      self.boot = boot
    }

    public static var now: Now { Now(wall: Clocks.wall, monotonic: Clocks.monotonic, boot: Clocks.boot) }
    var milliseconds: Int64 { Int64(clamping: wall / 1_000_000) }
  }

  /// Nanoseconds between two looks.
  public let interval: UInt64
  private let finder: TargetFinderBox
  private let load: LoadSource?
  private let readingShare: Double
  private var reader: ProcessReader?
  private var group: ControlGroupReader?
  /// The life of the process at which it looks now.
  public private(set) var run: Run?
  private var hadRun = false
  private var last: Now?
  private var kills = GroupKills()
  private var loadFailed = false
  /// When to ask next whether another process of the group is the one to look at, in nanoseconds.
  private var nextComparison: UInt64 = 0
  private static let comparisonInterval: UInt64 = 2_000_000_000

  /// A difference between clocks below this is drift or a late wake-up, in nanoseconds.
  private static let jump: Int64 = 2_000_000_000

  /// - Parameters:
  ///   - interval: nanoseconds between two looks.
  ///   - readingShare: part of a core that each dear reading may take; see `ProcessReader`.
  public init(
    _ watched: Watched, interval: UInt64 = 1_000_000_000, load: LoadSource? = nil, readingShare: Double = 0.001
  ) {
    self.interval = max(interval, 1_000_000)
    finder = TargetFinderBox(TargetFinder(watched))
    self.load = load
    self.readingShare = readingShare
    if case .group(let path) = watched { group = try? ControlGroupReader(folder: path) }
  }

  /// The process at which it looks now.
  public var pid: Int32? { reader?.pid }

  /// Looks once.
  public mutating func tick(_ now: Now = .now) -> Tick {
    var tick = Tick()
    tick.events += clockEvents(now)
    last = now
    let time = now.milliseconds
    var sample = Sample(time: time, step: Int64(interval / 1_000_000))
    if reader != nil, reader?.read(into: &sample, now: now.monotonic) == false {
      let what = "process \(reader?.pid ?? 0) (\(run?.name ?? ""))"
      let successor = reader?.successor
      tick.events.append(
        TimelineEvent(
          time: time, kind: .ended,
          detail: successor.map { "\(what) started another program, \($0.name)" } ?? "\(what) ended"))
      if let successor { finder.follow(successor.id) }
      // Now, not with the next sample: there may be none, or one of the restart in another group.
      if let group, let event = kills.event(in: group, at: time) { tick.events.append(event) }
      reader = nil
      run = nil
    }
    if let pid, now.monotonic >= nextComparison {
      nextComparison = now.monotonic &+ Self.comparisonInterval
      if finder.hasLarger(than: pid) {
        reader = nil
        run = nil
        sample = Sample(time: time, step: sample.step)
      }
    }
    if reader == nil {
      guard attach(time, &tick), reader?.read(into: &sample, now: now.monotonic) == true else {
        // A control group may go on without any process that we may look at.
        if case .group(let path) = finder.watched, let group, group.read(into: &sample) {
          if let event = kills.event(in: group, at: time) { tick.events.append(event) }
          tick.sample = sample
          tick.run = Run(pid: 0, startTicks: 0, boot: Run.currentBoot, name: path)
        }
        return tick
      }
    }
    if let group, group.read(into: &sample), let event = kills.event(in: group, at: time) { tick.events.append(event) }
    finder.saw()
    addLoad(&sample, time, &tick)
    tick.sample = sample
    tick.run = run
    return tick
  }

  private mutating func attach(_ time: Int64, _ tick: inout Tick) -> Bool {
    guard let pid = finder.find(), let reader = try? ProcessReader(pid: pid, share: readingShare) else { return false }
    self.reader = reader
    let life = Run(reader)
    run = life
    if case .group = finder.watched {} else { group = ControlGroupReader(of: pid) }
    // What was counted before it came is not its own.
    if let group { _ = kills.look(at: group) }
    tick.events.append(
      TimelineEvent(
        time: time, kind: hadRun ? .restarted : .started,
        detail: hadRun ? "\(life.name) goes on as process \(pid)" : "process \(pid) (\(life.name))"))
    hadRun = true
    return true
  }

  private mutating func addLoad(_ sample: inout Sample, _ time: Int64, _ tick: inout Tick) {
    guard let load else { return }
    sample[.load] = load.current
    let failure = load.failure
    if let failure, !loadFailed {
      tick.events.append(TimelineEvent(time: time, kind: .sourceLost, detail: failure))
    } else if failure == nil, loadFailed, load.current != nil {
      tick.events.append(TimelineEvent(time: time, kind: .sourceBack, detail: "\(load.address.text) answers again"))
    }
    loadFailed = failure != nil
  }

  /// The three clocks differ in what stops them: sleep stops one, setting the time moves another.
  private func clockEvents(_ now: Now) -> [TimelineEvent] {
    guard let last else { return [] }
    let monotonic = Int64(bitPattern: now.monotonic &- last.monotonic)
    let boot = Int64(bitPattern: now.boot &- last.boot)
    let wall = Int64(bitPattern: now.wall &- last.wall)
    var events: [TimelineEvent] = []
    let asleep = boot - monotonic
    if asleep > Self.jump {
      events.append(
        TimelineEvent(
          time: now.milliseconds, kind: .suspended, detail: "the machine slept for \(asleep / 1_000_000_000) s"))
    }
    let moved = wall - boot
    if abs(moved) > Self.jump {
      events.append(
        TimelineEvent(
          time: now.milliseconds, kind: .clockJump,
          detail: "the clock was set \(moved > 0 ? "forward" : "back") by \(abs(moved) / 1_000_000_000) s"))
    }
    if monotonic > Int64(clamping: interval) * 5 + Self.jump {
      events.append(
        TimelineEvent(
          time: now.milliseconds, kind: .gap, detail: "nothing was recorded for \(monotonic / 1_000_000_000) s"))
    }
    return events
  }
}

extension Run {
  static let currentBoot =
    ((try? contents(of: "/proc/sys/kernel/random/boot_id", limit: 64)) ?? [])
    .split(separator: 10).first.map { String(decoding: $0, as: UTF8.self) } ?? ""

  /// The life of the process that a reader looks at.
  public init(_ reader: ProcessReader) {
    self.init(
      pid: reader.pid, startTicks: reader.startTicks, boot: Self.currentBoot, program: reader.first.place?.mark ?? 0,
      name: Procfs.name(of: reader.pid), command: ProcessIdentity(of: reader.pid).command)
  }
}

/// The finder learns who the target is at its first look; a value inside a value would make each `tick` copy it.
private final class TargetFinderBox: @unchecked Sendable {
  // Used only from `Recorder.tick`, which is mutating and so never runs twice at once.
  private var finder: TargetFinder
  var watched: Watched { finder.watched }
  init(_ finder: TargetFinder) { self.finder = finder }
  func find() -> Int32? { finder.find() }
  func follow(_ pid: Int32) { finder.follow(pid) }
  func saw() { finder.saw() }
  func hasLarger(than pid: Int32) -> Bool { finder.hasLarger(than: pid) }
}
