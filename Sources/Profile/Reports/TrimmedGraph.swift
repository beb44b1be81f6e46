/// The graph of a view without what is too small to matter, and the unit that fits its numbers.
struct TrimmedGraph {
  let view: ProfileView
  private(set) var graph: CallGraph
  /// Names by which reports are ordered, by node; made when two are first compared.
  private var sortNames: [Int: String] = [:]
  /// Nodes below `--nodefraction`.
  private(set) var droppedNodes = 0
  /// Nodes before `--nodecount`.
  private(set) var nodesBeforeLimit = 0
  private(set) var unit: String
  private let strings: StringTable
  /// Paths of the profile's sources -> as they are shown.
  let files: [StringID: StringID]

  /// - Parameters:
  ///   - nodeCount: for reports that show so many unless told otherwise; 0 for no limit.
  ///   - withObjects: the same function in two binaries is two nodes.
  init(_ view: ProfileView, nodeCount: Int, withEdges: Bool, withObjects: Bool = false) {
    self.view = view
    unit = view.options.unit
    let options = view.options
    let trim = options.trim
    let limit = trim ? options.nodeCount ?? nodeCount : 0
    let paths = SourcePaths(sourcePath: options.sourcePath, trimPath: options.trimPath)
    var profile = view.profile
    var cleaned: [StringID: StringID] = [0: 0]
    for function in profile.functions where cleaned[function.file] == nil {
      cleaned[function.file] = profile.strings.intern(paths.cleaned(profile.strings[function.file]))
    }
    strings = profile.strings
    files = cleaned
    let nodes = CallGraph.Nodes(profile, withObjects: withObjects) { [files] in files[$0] ?? $0 }
    let counted = CallGraph.Options(
      value: view.sampleIndex, divisor: view.divisorIndex, findsEdges: withEdges || nodes.hasInlined,
      dropsNegative: options.dropNegative)
    func build(_ kept: [Bool]?) -> CallGraph { CallGraph(profile.samples, nodes, counted, kept: kept) }
    graph = build(nil)
    let total = graph.shown.reduce(Int64(0)) { $0 &+ graph.flat[$1] }
    let nodeCutoff = trim ? ProfileView.scaled(total, options.nodeFraction).clampedMagnitude : 0
    let edgeCutoff = trim ? ProfileView.scaled(total, options.edgeFraction).clampedMagnitude : 0
    if nodeCutoff > 0 {
      let kept = graph.shown.filter { graph.cum[$0].clampedMagnitude >= nodeCutoff }
      if kept.count != graph.shown.count {
        droppedNodes = graph.shown.count - kept.count
        graph = build(Self.set(kept, nodes))
      }
    }
    nodesBeforeLimit = graph.shown.count
    sort()
    if limit > 0, graph.shown.count > limit {
      graph = build(Self.set(Array(graph.shown.prefix(limit)), nodes))
      sort()
    }
    if edgeCutoff > 0, !graph.edges.isEmpty {
      var isShown = [Bool](repeating: false, count: nodes.keys.count)
      for node in graph.shown { isShown[node] = true }
      graph.edges.removeAll { isShown[$0.target] && $0.weight.clampedMagnitude < edgeCutoff }
    }
    chooseUnit()
  }

  private static func set(_ members: [Int], _ nodes: CallGraph.Nodes) -> [Bool] {
    var result = [Bool](repeating: false, count: nodes.keys.count)
    for member in members { result[member] = true }
    return result
  }

  // MARK: Names and order

  func key(_ node: Int) -> CallGraph.NodeKey { graph.nodes.keys[node] }
  func text(_ id: StringID) -> String { strings[id] }

  /// A node's name as pprof prints it: address, function, file and line, as far as the granularity has them.
  private func rawName(_ key: CallGraph.NodeKey, _ name: (String) -> String) -> String {
    var parts: [String] = []
    if key.address != 0 { parts.append(CFormat.hexadecimal(key.address, digits: 16)) }
    if key.name != 0 { parts.append(name(strings[key.name])) }
    if key.line != 0 {
      parts.append("\(strings[key.file]):\(key.line)")
    } else if key.file != 0 {
      parts.append(strings[key.file])
    } else if key.name == 0 {
      parts.append(key.object != 0 ? "[\(SourcePaths.base(strings[key.object]))]" : "<unknown>")
    }
    return parts.joined(separator: " ")
  }

  /// A node's name as the report shows it.
  func name(_ node: Int) -> String { name(of: key(node)) }
  func name(of key: CallGraph.NodeKey) -> String { rawName(key, view.names.display) }

  /// A node's name with the function as it stands in the profile.
  func storedName(_ node: Int) -> String { rawName(key(node)) { $0 } }

  /// The same, kept; reports are ordered by it, so that the order does not depend on the style.
  private mutating func sortName(_ node: Int) -> String {
    if let known = sortNames[node] { return known }
    let name = storedName(node)
    sortNames[node] = name
    return name
  }

  /// By own or cumulated value, then by name.
  private mutating func sort() {
    let byCum = view.options.sort == .cum
    // Names only where values are equal: a comparison of numbers decides nearly always.
    let scored = graph.shown.map { node in
      (score: (byCum ? graph.cum[node] : graph.flat[node]).clampedMagnitude, node: node)
    }.sorted { $0.score > $1.score }
    var result: [Int] = []
    result.reserveCapacity(scored.count)
    var start = 0
    while start < scored.count {
      var end = start + 1
      while end < scored.count, scored[end].score == scored[start].score { end += 1 }
      var group = scored[start..<end].map(\.node)
      if group.count > 1 {
        let named = group.map { (name: sortName($0), node: $0) }
        group = named.sorted { isBefore($0.name, $1.name) || ($0.name == $1.name && tieBreak($0.node, $1.node, byCum)) }
          .map(\.node)
      }
      result += group
      start = end
    }
    graph.shown = result
  }

  private func tieBreak(_ left: Int, _ right: Int, _ byCum: Bool) -> Bool {
    let values = [left, right].map { (byCum ? graph.flat[$0] : graph.cum[$0]).clampedMagnitude }
    if values[0] != values[1] { return values[0] > values[1] }
    return isBefore(structText(left), structText(right))
  }

  /// All that a node is made of, in pprof's order.
  private func structText(_ node: Int) -> String {
    let key = key(node)
    return
      "{\(strings[key.name])  \(key.address) \(strings[key.file]) \(key.startLine) \(key.line) \(strings[key.object])}"
  }

  /// Edges by weight, then by names.
  mutating func sorted(_ edges: [CallGraph.Edge]) -> [CallGraph.Edge] {
    edges.map { edge in (edge, sortName(edge.source), sortName(edge.target)) }.sorted { left, right in
      if left.0.weight != right.0.weight {
        return left.0.weight.clampedMagnitude > right.0.weight.clampedMagnitude
      }
      if left.1 != right.1 { return isBefore(left.1, right.1) }
      return isBefore(left.2, right.2)
    }.map(\.0)
  }

  // MARK: Unit

  /// A unit in which neither the smallest nor the largest number is awkward.
  private mutating func chooseUnit() {
    guard unit == "minimum", !graph.shown.isEmpty else { return }
    var smallest: Int64 = 0
    for node in graph.shown {
      var value = graph.flatValue(node).clampedMagnitude
      if value == 0 { value = graph.cumValue(node).clampedMagnitude }
      if value > 0, smallest == 0 || value < smallest { smallest = value }
    }
    var largest = view.total
    if smallest == 0 { smallest = largest }
    let ratio = 1 / view.options.divideBy
    if ratio > 0, ratio != 1 {
      smallest = ProfileView.scaled(smallest, ratio)
      largest = ProfileView.scaled(largest, ratio)
    }
    let from = view.sampleType.unit
    let low = ValueUnit.scale(smallest, from: from, to: "minimum").unit
    let high = ValueUnit.scale(largest, from: from, to: "minimum").unit
    var chosen = low
    if low != high, smallest &* 100 < largest {
      chosen = ValueUnit.scale(smallest &* 100, from: from, to: "minimum").unit
    }
    unit = chosen.isEmpty ? from : chosen
  }

  func format(_ value: Int64) -> String { view.format(value, unit: unit) }

  // MARK: Head of a report

  /// A node's line in columns: own value, running sum, cumulated value.
  func columns(flat: Int64, sum: Int64, cum: Int64) -> String {
    CFormat.right(format(flat), 10) + " \(ValueUnit.percentage(flat, of: view.total)) "
      + "\(ValueUnit.percentage(sum, of: view.total)) " + CFormat.right(format(cum), 10)
      + " \(ValueUnit.percentage(cum, of: view.total))"
  }

  /// Lines above the table: file, type, time, what was left out.
  func head() -> [String] {
    var lines = view.options.compactLabels ? [] : view.labels { view.format($0, unit: unit) }
    let filters = view.options.activeFilters
    if !filters.isEmpty {
      lines.append("Active filters:")
      lines += filters.map {
        "   " + ($0.utf8.count > 80 ? String(decoding: $0.utf8.prefix(80), as: UTF8.self) + "…" : $0)
      }
    }
    let sum = graph.shown.reduce(Int64(0)) { $0 &+ graph.flatValue($1) }
    let share = String(ValueUnit.percentage(sum, of: view.total).drop { $0 == " " })
    lines.append("Showing nodes accounting for \(format(sum)), \(share) of \(format(view.total)) total")
    if view.total != 0 {
      if droppedNodes > 0 {
        let cutoff = view.options.trim ? ProfileView.scaled(view.total, view.options.nodeFraction).clampedMagnitude : 0
        lines.append("Dropped \(droppedNodes) node\(droppedNodes == 1 ? "" : "s") (cum <= \(format(cutoff)))")
      }
      if !graph.shown.isEmpty, graph.shown.count < nodesBeforeLimit {
        lines.append("Showing top \(graph.shown.count) nodes out of \(nodesBeforeLimit)")
      }
    }
    return lines
  }
}
