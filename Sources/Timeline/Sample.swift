/// What was seen at one moment. Quantities that could not be had are absent, never zero.
public struct Sample: Sendable, Hashable {
  /// Milliseconds since 1970, UTC, by the wall clock.
  public var time: Int64
  /// Milliseconds for which this sample stands: the interval of recording, or of the bucket that it was folded into.
  public var step: Int64
  /// NaN where absent, in the order of `Metric`.
  private var values: [Double]

  public init(time: Int64, step: Int64 = 1000, _ values: [Metric: Double] = [:]) {
    self.time = time
    self.step = step
    self.values = Array(repeating: .nan, count: Metric.allCases.count)
    for (metric, value) in values { self[metric] = value }
  }

  public subscript(metric: Metric) -> Double? {
    get {
      let value = values[metric.rawValue]
      return value.isNaN ? nil : value
    }
    set { values[metric.rawValue] = newValue.map { $0.isFinite ? $0 : .nan } ?? .nan }
  }

  /// Bytes that the control group cannot give back without ending somebody, with what the process has in swap: at the limit growth goes there.
  /// nil where it does not say.
  public var groupCharged: Double? {
    guard let anonymous = self[.groupAnonymous] else { return nil }
    let kernel = (self[.groupKernel] ?? 0) + (self[.groupSocket] ?? 0)
    return anonymous + (self[.groupShared] ?? 0) + kernel + (self[.swap] ?? 0)
  }

  public static func == (left: Sample, right: Sample) -> Bool {
    left.time == right.time && left.step == right.step
      && zip(left.values, right.values).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) }
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(time) }
}

/// One life of a process: from its start, or that of the program in it, to its end. The history of a service is a list of them.
public struct Run: Sendable, Hashable, Codable {
  public var pid: Int32
  /// Clock ticks between boot and the start of the process: with the pid and the boot it names the process for good.
  public var startTicks: UInt64
  /// `/proc/sys/kernel/random/boot_id`.
  public var boot: String
  /// `ProgramPlace.mark`, 0 where it is not known: a process that starts another program begins another life.
  public var program: UInt32
  public var name: String
  public var command: String

  public init(
    pid: Int32, startTicks: UInt64, boot: String = "", program: UInt32 = 0, name: String, command: String = ""
  ) {
    self.pid = pid
    self.startTicks = startTicks
    self.boot = boot
    self.program = program
    self.name = name
    self.command = command
  }

  /// The same process with the same program in it, as far as both know their program.
  public func isSameLife(as other: Run) -> Bool {
    isSameProcess(as: other) && (program == other.program || program == 0 || other.program == 0)
  }

  /// The same process, whatever program is in it.
  public func isSameProcess(as other: Run) -> Bool {
    pid == other.pid && startTicks == other.startTicks && boot == other.boot
  }
}

/// Something that happened at one moment and explains what the samples show.
public struct TimelineEvent: Sendable, Hashable, Codable {
  public enum Kind: String, Sendable, Hashable, Codable {
    case started, ended, restarted
    /// The wall clock was set.
    case clockJump
    /// The machine slept.
    case suspended
    /// memwhy itself did not run.
    case gap
    /// The kernel killed a process of the group.
    case outOfMemory
    /// A source of numbers went away, or came back.
    case sourceLost, sourceBack
    case snapshot
  }

  /// Milliseconds since 1970.
  public var time: Int64
  public var kind: Kind
  public var detail: String

  public init(time: Int64, kind: Kind, detail: String) {
    self.time = time
    self.kind = kind
    self.detail = detail
  }
}
