import Malloc
import ProcessImage
import SwiftMetadata

/// Finds a holder by its path. The first step is a root; or blocks that several roots share, where it says so; or else any type. Each further
/// one leads along a field to blocks of a type, as in the tree that `memwhy retained` prints.
struct HolderSearch {
  private let holders: HeapHolders
  private let path: String
  private let steps: [String]
  private var builder: HolderTreeBuilder

  /// Blocks of one type, or a root, where the search has come to.
  private struct Place {
    var title: String
    var vertices: [UInt32]
    /// nil for a root.
    var type: UInt64?
    /// Field by which the way goes on, where the step names one.
    var field = ""
  }

  private static let nearLimit = 5

  init(_ holders: HeapHolders, path: String) {
    self.holders = holders
    self.path = path
    // Names of sharers may hold an arrow of their own.
    steps = Self.withoutSharers(path).split(separator: "->", omittingEmptySubsequences: false).map {
      Self.normal(String($0))
    }
    builder = HolderTreeBuilder(holders, cut: 1, showContents: false)
  }

  mutating func run() throws -> HeldMemory {
    guard let first = steps.first, !steps.contains("") else {
      throw noSuchHolder("", among: roots().map(\.title))
    }
    var places = try start(first)
    for step in steps.dropFirst() { places = try goOn(places, to: step) }
    // A field at the end: what hangs on it.
    if places.contains(where: { !$0.field.isEmpty }) { places = try goOn(places, to: nil) }
    return HeldMemory(
      title: places.first?.title ?? path, vertices: places.flatMap(\.vertices), in: holders)
  }

  // MARK: the first step

  private mutating func start(_ step: String) throws -> [Place] {
    let tops = roots()
    // `12 x Session, reached from a and others`: those that are shared, and not all sessions.
    let isShared = path.contains(", reached from ") || path.hasPrefix("shared ")
    let candidates = tops.filter { ($0.type != nil) == isShared }
    for test in Self.tests {
      let found = candidates.compactMap { Self.meets($0, step, test) }
      let titles = Set(found.map(\.title))
      if titles.count > 1 { throw HoldersError.severalHolders(path, Array(titles.sorted().prefix(Self.nearLimit))) }
      if !found.isEmpty { return try found.flatMap { try objects($0) } }
    }
    for test in Self.tests {
      let found = typed(step, test)
      if !found.isEmpty { return found }
    }
    throw noSuchHolder(step, among: tops.map(\.title) + typeNames())
  }

  /// Roots, and what several of them share, most bytes first.
  private func roots() -> [Place] {
    let (roots, shared) = builder.tops()
    var result: [(bytes: UInt64, place: Place)] = []
    for vertex in roots where holders.tree.retained[Int(vertex)] > 0 {
      let root = holders.roots[holders.tree.node(Int(vertex)) - holders.graph.blockCount]
      result.append((holders.tree.retained[Int(vertex)], Place(title: root.title, vertices: [vertex])))
    }
    for (key, group) in shared {
      let name = holders.name(holders.tree.node(Int(group.members[0])))
      result.append((group.retained, Place(title: name, vertices: group.members, type: key.type)))
    }
    return result.sorted { ($0.bytes, $1.place.title) > ($1.bytes, $0.place.title) }.map(\.place)
  }

  /// `Store.shared.offers`: a variable has no fields, the object that it refers to has.
  private mutating func objects(_ place: Place) throws -> [Place] {
    guard place.type == nil, !place.field.isEmpty else { return [place] }
    var variable = place
    variable.field = ""
    return try goOn([variable], to: nil).map { object in
      var object = object
      object.field = place.field
      return object
    }
  }

  /// All blocks of types that are called so, wherever they hang.
  private func typed(_ step: String, _ test: (String, String) -> Bool) -> [Place] {
    var byType: [UInt64: Place?] = [:]
    for vertex in 0..<holders.tree.count {
      let node = holders.tree.node(vertex)
      guard node < holders.graph.blockCount else { continue }
      let type = holders.typeKey(node)
      if byType[type] == nil {
        byType[type] = .some(Self.meets(Place(title: holders.name(node), vertices: [], type: type), step, test))
      }
      byType[type]??.vertices.append(UInt32(vertex))
    }
    return byType.values.compactMap { $0 }.sorted { $0.title < $1.title }
  }

  private func typeNames() -> [String] {
    var seen: Set<UInt64> = []
    var names: [String] = []
    for vertex in 0..<holders.tree.count {
      let node = holders.tree.node(vertex)
      if node < holders.graph.blockCount, seen.insert(holders.typeKey(node)).inserted {
        names.append(holders.name(node))
      }
    }
    return names
  }

  // MARK: further steps

  /// - Parameter step: nil for whatever hangs on the places' fields.
  private mutating func goOn(_ places: [Place], to step: String?) throws -> [Place] {
    var all: [(way: String, isWanted: Bool, place: Place)] = []
    for place in places {
      let (members, direct) = builder.spread(place.vertices, type: place.type)
      let groups = try builder.groups(direct, below: place.type == nil ? [] : members)
      for (key, group) in groups {
        let field = builder.field(of: group)
        let name = holders.name(holders.tree.node(Int(group.members[0])))
        all.append(
          (
            place.title + field + " -> ", place.field.isEmpty || Self.leads(Self.normal(field), place.field),
            Place(title: name, vertices: group.members, type: key.type)
          ))
      }
    }
    all.sort { (size($0.place), $1.place.title) > (size($1.place), $0.place.title) }
    let tests = step == nil ? [{ _, _ in true }] : Self.tests
    for test in tests {
      let found = all.filter(\.isWanted).compactMap { candidate -> Place? in
        var place = step.map { Self.meets(candidate.place, $0, test) } ?? candidate.place
        place?.title = candidate.way + candidate.place.title
        return place
      }
      if !found.isEmpty { return found }
    }
    throw noSuchHolder(step ?? places.first?.field ?? "", among: all.map { $0.way + $0.place.title })
  }

  private func size(_ place: Place) -> UInt64 {
    place.vertices.reduce(0) { $0 + holders.tree.retained[Int($1)] }
  }

  // MARK: names

  /// From strict to lax: the first that finds something decides.
  private static let tests: [@Sendable (String, String) -> Bool] = [
    { $0 == $1 }, { $0.lowercased() == $1.lowercased() }, { $0.hasSuffix("." + $1) },
    { base($0) == base($1) || base($0).hasSuffix("." + base($1)) },
  ]

  /// The place with the field that the step goes on by, if the step names it.
  private static func meets(_ place: Place, _ step: String, _ test: (String, String) -> Bool) -> Place? {
    let name = normal(place.title)
    var result = place
    if test(name, step) { return result }
    let spelling = place.type == nil ? untyped(name) : name
    if test(spelling, step) { return result }
    // `Store.offers`, `[Int : Offer] storage[value].title`: every cut may be where the field begins.
    for cut in step.indices where step[cut] == "." || step[cut] == "[" || step[cut] == "(" {
      guard cut > step.startIndex, test(spelling, String(step[..<cut])) else { continue }
      result.field = String(step[cut...])
      return result
    }
    return nil
  }

  /// `.offers.storage` is led to by `.offers`.
  private static func leads(_ field: String, _ wanted: String) -> Bool {
    field == wanted
      || (field.hasPrefix(wanted) && (field.dropFirst(wanted.count).first.map { ".[(".contains($0) } ?? false))
  }

  /// Without the type of a variable.
  private static func untyped(_ name: String) -> String { String(name.prefix { $0 != ":" }) }

  /// Without generic arguments.
  private static func base(_ name: String) -> String { String(name.prefix { $0 != "<" }) }

  /// Without who else holds it, which comes last.
  private static func withoutSharers(_ text: String) -> String {
    let marks = [", most of them in ", ", reached from "].compactMap { text.firstRange(of: $0)?.lowerBound }
    return marks.min().map { String(text[..<$0]) } ?? text
  }

  /// Without what changes from look to look or says what kind of thing it is: counts, other holders, white space.
  static func normal(_ text: String) -> String {
    var text = withoutSharers(text)
    text = String(text.drop { $0 == " " })
    for kind in ["global ", "C variable ", "stack frame ", "runtime table ", "shared ", "static "]
    where text.hasPrefix(kind) { text = String(text.dropFirst(kind.count)) }
    if let counted = text.prefixMatch(of: #/[0-9][0-9,]* x /#) { text = String(text[counted.range.upperBound...]) }
    return text.filter { !$0.isWhitespace }
  }

  /// With names that look like the wanted one; with the first of all, which are the largest, where none does.
  private func noSuchHolder(_ wanted: String, among names: [String]) -> HoldersError {
    let query = Self.untyped(Self.base(wanted)).lowercased()
    let limit = max(2, query.count / 3)
    var close: [(distance: Int, name: String)] = []
    for name in names.prefix(5000) {
      let base = Self.untyped(Self.base(Self.normal(name))).lowercased()
      let parts = [base] + base.split { ".>-".contains($0) }.map(String.init)
      let distance = parts.map { part in
        query.count > 2 && part.contains(query) ? 1 : TypeQuery.distance(part, query)
      }.min()
      if let distance, distance <= limit, !close.contains(where: { $0.name == name }) { close.append((distance, name)) }
    }
    close.sort { ($0.distance, $0.name.count, $0.name) < ($1.distance, $1.name.count, $1.name) }
    let found = close.map(\.name)
    return .noSuchHolder(
      path, near: Array((found.isEmpty ? names : found).prefix(Self.nearLimit)), areSimilar: !found.isEmpty)
  }
}
