import Foundation
import Glibc
import TestSupport

@testable import Profile

/// A command line of pprof, run by us and by `go tool pprof`.
struct PprofCommand: Sendable, CustomStringConvertible {
  var verb: String
  /// For `list` and `peek`.
  var pattern: String?
  /// In pprof's spelling, without the dashes: `focus=json`.
  var flags: [String]
  var files: [String]

  /// `top heap2.pb.gz cum nodecount=7`; `peek:json` for a pattern.
  init(_ line: String) {
    let words = line.split(separator: " ").map(String.init)
    let parts = words[0].split(separator: ":", maxSplits: 1).map(String.init)
    verb = parts[0]
    pattern = parts.count > 1 ? parts[1] : nil
    files = words.dropFirst().filter { $0.hasSuffix(".pb.gz") && !$0.contains("=") || $0.hasSuffix(".heap") }
    flags = words.dropFirst().filter { !($0.hasSuffix(".pb.gz") && !$0.contains("=") || $0.hasSuffix(".heap")) }
  }

  var description: String { ([verb + (pattern.map { ":\($0)" } ?? "")] + files + flags).joined(separator: " ") }

  static let folder = TestProgram.packageRoot.appendingPathComponent("Tests/Fixtures/profiles").path

  /// Reports show local times; goldens need one zone.
  static func useUTC() {
    setenv("TZ", "UTC", 1)
    tzset()
  }

  /// What we print.
  func ours() throws -> String {
    Self.useUTC()
    let reader = ProfileReader()
    var options = ProfileOptions()
    options.names = .asIs
    var bases: [Profile] = []
    var base = ProfileSession.Base.subtract
    var normalize = false
    for flag in flags {
      let parts = flag.split(separator: "=", maxSplits: 1).map(String.init)
      let value = parts.count > 1 ? parts[1] : ""
      switch parts[0] {
      case "base", "diff_base":
        bases.append(try reader.read("\(Self.folder)/\(value)"))
        if parts[0] == "diff_base" { base = .compare }
      case "normalize": normalize = true
      case "focus": options.focus = value
      case "ignore": options.ignore = value
      case "hide": options.hide = value
      case "show": options.show = value
      case "show_from": options.showFrom = value
      case "prune_from": options.pruneFrom = value
      case "tagfocus": options.tagFocus = value
      case "tagignore": options.tagIgnore = value
      case "tagshow": options.tagShow = value
      case "taghide": options.tagHide = value
      case "tagroot": options.tagRoot = value
      case "tagleaf": options.tagLeaf = value
      case "nodecount": options.nodeCount = Int(value)
      case "nodefraction": options.nodeFraction = Double(value) ?? 0
      case "edgefraction": options.edgeFraction = Double(value) ?? 0
      case "sample_index": options.sampleIndex = value
      case "unit": options.unit = value
      case "divide_by": options.divideBy = Double(value) ?? 1
      case "mean": options.mean = true
      case "cum": options.sort = .cum
      case "noinlines": options.noInlines = true
      case "drop_negative": options.dropNegative = true
      case "relative_percentages": options.relativePercentages = true
      case "compact_labels": options.compactLabels = true
      case "trim": options.trim = value != "false"
      case "source_path": options.sourcePath = TestProgram.packageRoot.path + "/" + value
      case "trim_path": options.trimPath = value
      default:
        guard let granularity = Granularity(rawValue: parts[0]) else { throw TestFailure("unknown flag \(flag)") }
        options.granularity = granularity
      }
    }
    let session = try ProfileSession(
      files.map { try reader.read("\(Self.folder)/\($0)") }, bases: bases, base: base, normalize: normalize)
    switch verb {
    case "top": return try TopReport(session, options).text()
    case "tree": return try TreeReport(session, options).text()
    case "peek": return try TreeReport(session, options, matching: pattern ?? "").text()
    case "traces": return try TracesReport(session, options).text()
    case "raw": return try RawReport(session, options).text()
    case "list": return try ListReport(session, options, matching: pattern ?? "").text()
    default: throw TestFailure("unknown verb \(verb)")
    }
  }

  /// What `go tool pprof` prints. Names are left as they are in the file on both sides.
  func pprofs() throws -> String {
    let arguments =
      ["tool", "pprof", "-symbolize=none", pattern.map { "-\(verb)=\($0)" } ?? "-\(verb)"]
      + flags.map { flag in
        if flag.hasPrefix("source_path=") {
          return "-source_path=\(TestProgram.packageRoot.path)/\(flag.dropFirst("source_path=".count))"
        }
        let isBase = flag.hasPrefix("base=") || flag.hasPrefix("diff_base=")
        return "-" + (isBase ? flag.replacing("=", with: "=\(Self.folder)/") : flag)
      } + files.map { "\(Self.folder)/\($0)" }
    let result = try Command.run("go", arguments, environment: ["TZ": "UTC"], timeout: 120)
    guard result.status == 0 else { throw TestFailure("go \(arguments.joined(separator: " ")): \(result.errors)") }
    return result.output
  }

  /// Whether `go tool pprof` can be run.
  static let goIsInstalled: Bool = {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/go")
    }
  }()

  /// The first lines that differ.
  static func difference(_ ours: String, _ theirs: String) -> String? {
    if ours == theirs { return nil }
    let left = ours.split(separator: "\n", omittingEmptySubsequences: false)
    let right = theirs.split(separator: "\n", omittingEmptySubsequences: false)
    let changes = right.difference(from: left).prefix(8).map { change in
      switch change {
      case .remove(let offset, let line, _): "ours   \(offset + 1): \(line)"
      case .insert(let offset, let line, _): "pprof  \(offset + 1): \(line)"
      }
    }
    return changes.joined(separator: "\n")
  }
}
