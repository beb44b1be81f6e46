/// What `memwhy doctor` found out: can memwhy do its work here, and on this process?
public struct DoctorReport: Codable, Hashable, Sendable {
  /// How a check came out. Ordered, the worst last.
  public enum Status: String, Codable, Hashable, Sendable, CaseIterable, Comparable {
    case ok
    /// Works, with less: names are missing, a step is slower.
    case warn
    /// Does not work, or is refused to protect the process.
    case fail

    public static func < (left: Status, right: Status) -> Bool {
      let order = Self.allCases
      return (order.firstIndex(of: left) ?? 0) < (order.firstIndex(of: right) ?? 0)
    }
  }

  /// One thing that was looked at.
  public struct Check: Codable, Hashable, Sendable {
    /// `permission`, `seccomp`, `memory`, `kernel` and the like; stable, for scripts.
    public var name: String
    public var status: Status
    /// What was found.
    public var detail: String
    /// What to do about it; nil where there is nothing to do.
    public var advice: String?

    public init(_ name: String, _ status: Status, _ detail: String, advice: String? = nil) {
      self.name = name
      self.status = status
      self.detail = detail
      self.advice = advice
    }
  }

  public var schemaVersion: Int
  public var tool: ReportModel.Tool
  /// nil where only the machine was looked at.
  public var pid: Int32?
  public var name: String?
  public var checks: [Check]

  public init(tool: ReportModel.Tool, pid: Int32? = nil, name: String? = nil, checks: [Check]) {
    self.schemaVersion = ReportModel.currentSchemaVersion
    self.tool = tool
    self.pid = pid
    self.name = name
    self.checks = checks
  }

  public var worst: Status { checks.map(\.status).max() ?? .ok }
}
