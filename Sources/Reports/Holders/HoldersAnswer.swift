import HeapGraph
import ProcessImage

/// What `retained`, `path` and their kin write with `--json`: the same head, then one section a verb (docs/holders.md).
public struct HoldersAnswer: Codable, Hashable, Sendable {
  public static let currentSchemaVersion = 1

  public var schemaVersion: Int
  public var tool: ReportModel.Tool
  public var verb: String
  public var target: ReportModel.Target
  public var freeze: ReportModel.Freeze?
  public var retained: HolderReport?
  public var paths: PathReport?
  public var waste: WasteReport?
  public var tasks: TaskReport?
  /// What each part of the work took, in order.
  public var phases: [ReportModel.Phase]?
  /// What was skipped, repaired or could not be had, in sentences.
  public var remarks: [String]

  public init(tool: ReportModel.Tool, verb: String, image: ProcessImage, corePath: String?, remarks: [String]) {
    schemaVersion = Self.currentSchemaVersion
    self.tool = tool
    self.verb = verb
    target = ReportModel.Target(
      source: ReportModel.Target.Source(image.source), pid: image.pid, name: image.name, corePath: corePath,
      threads: image.threads.count)
    freeze = image.freeze.map(ReportModel.Freeze.init)
    self.remarks = remarks
  }
}
