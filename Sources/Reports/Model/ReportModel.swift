import Diagnosis
import HeapGraph

/// Everything that one look at a process found: what every renderer prints and what `--json` writes.
///
/// Free of other modules' types on purpose, but for `GrowthReport` and `LocalCacheSummary`, which are formats themselves: this is the file format of `docs/report-schema.md`. Sizes in bytes, times in
/// nanoseconds, addresses as `0x…` strings (a JSON number loses digits past 2^53 in many readers).
public struct ReportModel: Codable, Hashable, Sendable {
  /// Raised whenever a reader of the older schema would misread; new optional keys do not raise it.
  public static let currentSchemaVersion = 1

  public var schemaVersion: Int
  public var tool: Tool
  /// The verb that made it: `diagnose`, `heap`, `leaks`.
  public var verb: String
  public var target: Target
  /// What stopping the process promised and cost; nil where nothing was stopped.
  public var freeze: Freeze?
  public var heap: Heap
  /// Types by bytes, largest first.
  public var census: [CensusRow]
  public var leaks: Leaks
  public var verdict: Verdict
  /// What to do next, in order, a sentence or two each.
  public var nextSteps: [String]
  /// What was skipped, repaired or could not be had, in sentences.
  public var remarks: [String]
  /// What each phase took, in the order in which they ran.
  public var phases: [Phase]
  /// The verdict over time; nil for a single look.
  public var growth: GrowthReport?
  /// When the process was looked at, in milliseconds since 1970; nil where unknown.
  public var time: Int64?
  /// Who holds the reachable memory; nil where that was not looked at.
  public var holders: Tree?
  /// Where memory was allocated, by stack; nil without a profile.
  public var profile: Tree?
  /// What the process's LocalCaches say of themselves; nil where there is none, or holders were not looked at.
  public var localCaches: [LocalCacheSummary]?

  /// Puts the verdict and the next steps together from the rest.
  public init(
    tool: Tool, verb: String, target: Target, freeze: Freeze? = nil, heap: Heap, census: [CensusRow] = [],
    leaks: Leaks, remarks: [String] = [], phases: [Phase] = []
  ) {
    self.schemaVersion = Self.currentSchemaVersion
    self.tool = tool
    self.verb = verb
    self.target = target
    self.freeze = freeze
    self.heap = heap
    self.census = census
    self.leaks = leaks
    self.remarks = remarks
    self.phases = phases
    if verb == "heap" {
      self.verdict = Verdict(heap: heap, census: census)
      self.nextSteps = NextSteps.afterCensus()
    } else {
      self.verdict = Verdict(heap: heap, leaks: leaks)
      self.nextSteps = NextSteps.steps(target: target, heap: heap, leaks: leaks)
    }
  }

  /// What made the report.
  public struct Tool: Codable, Hashable, Sendable {
    public var name: String
    public var version: String

    public init(name: String = "memwhy", version: String) {
      self.name = name
      self.version = version
    }
  }

  /// The process or core file that was looked at.
  public struct Target: Codable, Hashable, Sendable {
    /// How the image was had.
    public enum Source: String, Codable, Hashable, Sendable {
      /// A copy-on-write copy of the process, at one instant.
      case frozen
      /// What was needed was copied while the process stood still.
      case stopped
      /// Read while it went on running: no instant, so no statement about leaks.
      case running
      /// An ELF core file.
      case core
    }

    public var source: Source
    public var pid: Int32?
    /// As in `/proc/PID/comm`.
    public var name: String
    /// Path of the core file.
    public var corePath: String?
    /// Threads at that instant; 0 where unknown.
    public var threads: Int

    public init(source: Source, pid: Int32?, name: String, corePath: String? = nil, threads: Int = 0) {
      self.source = source
      self.pid = pid
      self.name = name
      self.corePath = corePath
      self.threads = threads
    }
  }

  /// How long the process stood still, in nanoseconds.
  public struct Freeze: Codable, Hashable, Sendable {
    public var predictedPauseNanoseconds: UInt64
    public var measuredPauseNanoseconds: UInt64
    public var threads: Int
    /// Attempts that were given up because a thread did not stop in time.
    public var retries: Int
    public var notes: [String]

    public init(
      predictedPauseNanoseconds: UInt64, measuredPauseNanoseconds: UInt64, threads: Int, retries: Int = 0,
      notes: [String] = []
    ) {
      self.predictedPauseNanoseconds = predictedPauseNanoseconds
      self.measuredPauseNanoseconds = measuredPauseNanoseconds
      self.threads = threads
      self.retries = retries
      self.notes = notes
    }
  }

  /// A part of the work, and how long it took.
  public struct Phase: Codable, Hashable, Sendable {
    public var name: String
    public var nanoseconds: UInt64

    public init(name: String, nanoseconds: UInt64) {
      self.name = name
      self.nanoseconds = nanoseconds
    }
  }
}

extension ReportModel {
  /// With other leaks, after suppressions, and the verdict and the next steps made anew.
  public func replacingLeaks(_ leaks: Leaks) -> ReportModel {
    guard leaks != self.leaks else { return self }
    var model = ReportModel(
      tool: tool, verb: verb, target: target, freeze: freeze, heap: heap, census: census, leaks: leaks,
      remarks: remarks, phases: phases)
    model.growth = growth
    model.time = time
    model.holders = holders
    model.localCaches = localCaches
    model.profile = profile
    return model
  }
}
