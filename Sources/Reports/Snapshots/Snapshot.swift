import FoundationEssentials
import HeapGraph

/// What is kept of one look at a process: paths with bytes and counts, types, tasks. No addresses, no contents of strings.
///
/// Identity from one snapshot to the next is the path, because addresses change (docs/snapshots.md).
public struct Snapshot: Codable, Hashable, Sendable {
  public static let format = "memwhy-snapshot"
  static let currentVersion = 1
  /// Larger files are refused, in bytes.
  public static let largestFile = 256 << 20

  public var format: String
  public var version: Int
  public var toolVersion: String
  /// Name of the process, as in `/proc/PID/comm`.
  public var process: String
  public var pid: Int32?
  /// Seconds since 1970, UTC.
  public var time: Double
  public var reachableBytes: UInt64
  public var reachableBlocks: UInt64
  public var holders: [Row]
  public var types: [Row]
  public var tasks: [Row]
  /// Leaks by their shape, blocks and bytes with all that hangs on them; absent where leaks were not judged, and in older files.
  public var leaks: [Row]?

  /// One holder by its path, one type by its name, one kind of task by its function.
  public struct Row: Codable, Hashable, Sendable {
    public var path: String
    public var count: UInt64
    public var bytes: UInt64
    /// Of containers.
    public var entries: UInt64?
    public var bytesPerEntry: UInt64?
    /// Beginnings of a few keys; only where contents were asked for.
    public var keys: [String]?

    public init(path: String, count: UInt64, bytes: UInt64, entries: UInt64? = nil, bytesPerEntry: UInt64? = nil) {
      self.path = path
      self.count = count
      self.bytes = bytes
      self.entries = entries
      self.bytesPerEntry = bytesPerEntry
    }
  }

  public init(
    toolVersion: String, process: String, pid: Int32?, time: Double, retained: HolderReport,
    census: [HeapGraph.CensusRow], tasks: TaskReport, leaks: [LeakGroup]? = nil
  ) {
    format = Self.format
    version = Self.currentVersion
    self.toolVersion = toolVersion
    self.process = process
    self.pid = pid
    self.time = time
    reachableBytes = retained.reachableBytes
    reachableBlocks = UInt64(max(0, retained.reachableBlocks))
    var rows: [String: Row] = [:]
    for holder in retained.holders { Self.add(holder, below: "", to: &rows) }
    holders = rows.values.sorted { ($0.bytes, $1.path) > ($1.bytes, $0.path) }
    types = census.map { Row(path: $0.type, count: UInt64($0.count), bytes: $0.bytes) }
    var byFunction: [String: Row] = [:]
    for group in tasks.groups {
      let path = "\(group.state.rawValue) in \(group.functions.first ?? "an unknown function")"
      var row = byFunction[path] ?? Row(path: path, count: 0, bytes: 0)
      row.count += UInt64(group.tasks)
      row.bytes += group.retainedBytes
      byFunction[path] = row
    }
    self.tasks = byFunction.values.sorted { ($0.bytes, $1.path) > ($1.bytes, $0.path) }
    self.leaks = leaks.map(Self.rows)
  }

  private static func rows(_ leaks: [LeakGroup]) -> [Row] {
    var rows: [String: Row] = [:]
    for group in leaks {
      let path = group.title + (group.waitsIn.first.map { " in \($0)" } ?? "")
      var row = rows[path] ?? Row(path: path, count: 0, bytes: 0)
      row.count &+= UInt64(max(0, group.instances))
      row.bytes &+= group.bytes
      rows[path] = row
    }
    return rows.values.sorted { ($0.bytes, $1.path) > ($1.bytes, $0.path) }
  }

  private static func add(_ holder: Holder, below parent: String, to rows: inout [String: Row]) {
    let path = parent.isEmpty ? RetainedText.stableTitle(holder) : "\(parent)\(holder.field) -> \(holder.name)"
    var row = rows[path] ?? Row(path: path, count: 0, bytes: 0)
    row.count &+= UInt64(max(0, holder.count))
    row.bytes &+= holder.retainedBytes
    if let container = holder.container, container.kind != .string {
      row.entries = (row.entries ?? 0) &+ container.entries
      row.bytesPerEntry = container.bytesPerEntry
      if let samples = container.keys?.samples, !samples.isEmpty { row.keys = samples }
    }
    rows[path] = row
    for child in holder.children { add(child, below: path, to: &rows) }
  }

  /// The file's text: one JSON object in one line.
  /// - Throws: `SnapshotError.notASnapshot` where it cannot be encoded.
  public func encoded() throws(SnapshotError) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do { return Array(try encoder.encode(self)) + [10] } catch { throw .notASnapshot(path: "", reason: "\(error)") }
  }

  /// Reads a snapshot; believes nothing of the bytes.
  ///
  /// - Parameter path: for the error.
  /// - Throws: `SnapshotError`.
  public init(decoding bytes: [UInt8], path: String) throws(SnapshotError) {
    struct Header: Decodable {
      var format: String
      var version: Int
    }
    let decoder = JSONDecoder()
    let data = Data(bytes)
    guard bytes.count <= Self.largestFile else { throw .notASnapshot(path: path, reason: "it is too large") }
    guard let header = try? decoder.decode(Header.self, from: data), header.format == Self.format else {
      let isCut = bytes.first == UInt8(ascii: "{") && bytes.last != 10
      throw .notASnapshot(
        path: path, reason: isCut ? "it is cut off or damaged" : "it was not written by memwhy snapshot")
    }
    guard header.version == Self.currentVersion else { throw .otherVersion(path: path, found: header.version) }
    do { self = try decoder.decode(Snapshot.self, from: data) } catch {
      throw .notASnapshot(path: path, reason: "it is damaged")
    }
  }
}

/// Why a snapshot cannot be used.
public enum SnapshotError: Error, Hashable, Sendable, CustomStringConvertible {
  case notASnapshot(path: String, reason: String)
  case otherVersion(path: String, found: Int)
  case differentPrograms(String, String)

  public var description: String {
    switch self {
    case .notASnapshot(let path, let reason): "\(path) is no snapshot: \(reason); take a new one with memwhy snapshot"
    case .otherVersion(let path, let found):
      "\(path) has version \(found) of the snapshot format, this memwhy reads \(Snapshot.currentVersion); use the memwhy that wrote it"
    case .differentPrograms(let one, let other):
      "the snapshots are of different programs, '\(one)' and '\(other)'; --any-program compares them all the same"
    }
  }
}
