import Diagnosis
import FoundationEssentials
import Reports
import Timeline

/// A kept snapshot of a heap, to look at and to compare with another. It has names of types and fields; contents of strings it has not.
struct CaptureView: Sendable {
  let id: Int64
  let facts: HeapFacts

  /// nil where it is no snapshot, or one with numbers that no heap has.
  init?(id: Int64, content: String) {
    guard let facts = try? JSONDecoder().decode(HeapFacts.self, from: Data(content.utf8)), facts.isPlausible else {
      return nil
    }
    self.id = id
    self.facts = facts
  }

  struct Row: Encodable, Sendable {
    var name: String
    var count, bytes: UInt64
  }

  struct Detail: Encodable, Sendable {
    var id, time: Int64
    var liveBlocks, liveBytes, freeBytes: UInt64
    var allocator: String
    var arenas, threads: Int
    var types: [Row]
    var leaks: [Row]?
    var books: [Row]
    var holders: ReportModel.Tree?
  }

  private static let most = 100

  var detail: Detail {
    Detail(
      id: id, time: facts.time, liveBlocks: facts.liveBlocks, liveBytes: facts.liveBytes, freeBytes: facts.freeBytes,
      allocator: Self.name(facts.allocator), arenas: facts.arenas.count, threads: facts.threads,
      types: facts.census.prefix(Self.most).map { Row(name: Self.name($0.type), count: $0.count, bytes: $0.bytes) },
      leaks: facts.leaks?.prefix(Self.most).map {
        Row(name: Self.name($0.title), count: $0.instances, bytes: $0.bytes)
      }, books: books, holders: tree)
  }

  private var books: [Row] {
    ResidentBooks.Holder.allCases.compactMap { holder in
      guard let bytes = facts.books?[holder], bytes > 0 else { return nil }
      return Row(name: holder.title, count: 0, bytes: UInt64(bytes))
    }
  }

  /// Places along one path lie in each other.
  private var tree: ReportModel.Tree? {
    guard let places = facts.holders, !places.isEmpty else { return nil }
    var children: [[String]: [HeapFacts.Holder]] = [:]
    for place in places.prefix(3000) where !place.path.isEmpty && place.path.count <= 60 {
      children[Array(place.path.dropLast()), default: []].append(place)
    }
    func node(_ place: HeapFacts.Holder) -> ReportModel.Tree.Node {
      let step = place.path.last ?? ""
      let isField = step.hasPrefix(".") || step.hasPrefix("[")
      return ReportModel.Tree.Node(
        name: Self.name(isField ? place.type : step), field: isField ? Self.name(step) : nil, value: place.retained,
        count: place.count > 1 ? place.count : nil, children: nodes(place.path))
    }
    // Each list is handed out once: below two places of one path it would stand twice, and that at each of sixty levels.
    func nodes(_ path: [String]) -> [ReportModel.Tree.Node] {
      (children.removeValue(forKey: path) ?? []).map(node).sorted { $0.value > $1.value }
    }
    let roots = nodes([])
    return ReportModel.Tree(
      unit: "bytes",
      root: .init(name: "held by the places below", value: roots.reduce(0) { $0 &+ $1.value }, children: roots))
  }

  private static func name(_ text: String) -> String { TextStyle.shorten(TextStyle.printable(text), to: 240) }
}

/// What is different between two snapshots, largest change first.
struct CaptureComparison: Encodable, Sendable {
  struct Row: Encodable, Sendable {
    var name: String
    var countBefore, countAfter, before, after: UInt64
    var change: Int64
  }

  var before, after: Int64
  var liveBefore, liveAfter: UInt64
  var holders, types: [Row]

  init(_ first: HeapFacts, _ last: HeapFacts) {
    before = first.time
    after = last.time
    liveBefore = first.liveBytes
    liveAfter = last.liveBytes
    types = Self.rows(
      first.census.map { ($0.type, $0.count, $0.bytes) }, last.census.map { ($0.type, $0.count, $0.bytes) })
    func places(_ facts: HeapFacts) -> [(String, UInt64, UInt64)] {
      (facts.holders ?? []).map { ($0.path.joined(separator: " "), $0.count, $0.retained) }
    }
    holders = Self.rows(places(first), places(last))
  }

  private static func rows(
    _ first: [(name: String, count: UInt64, bytes: UInt64)], _ last: [(name: String, count: UInt64, bytes: UInt64)]
  ) -> [Row] {
    var rows: [String: Row] = [:]
    for part in first {
      rows[part.name] = Row(
        name: part.name, countBefore: part.count, countAfter: 0, before: part.bytes, after: 0, change: 0)
    }
    for part in last {
      rows[part.name, default: Row(name: part.name, countBefore: 0, countAfter: 0, before: 0, after: 0, change: 0)]
        .countAfter = part.count
      rows[part.name]?.after = part.bytes
    }
    var result: [Row] = []
    for var row in rows.values {
      row.change = Int64(clamping: row.after) - Int64(clamping: row.before)
      row.name = TextStyle.shorten(TextStyle.printable(row.name), to: 240)
      if row.change != 0 { result.append(row) }
    }
    result.sort { ($1.change.magnitude, $0.name) < ($0.change.magnitude, $1.name) }
    return Array(result.prefix(100))
  }
}
