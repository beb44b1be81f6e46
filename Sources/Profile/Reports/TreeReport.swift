/// `memwhy tree` and `memwhy peek`: every function between its callers and what it calls.
public struct TreeReport: Sendable {
  public struct Neighbour: Sendable, Codable, Hashable {
    public var name: String
    public var value: Int64
    public var isInline: Bool
  }

  public struct Entry: Sendable, Codable, Hashable {
    public var name: String
    public var flat, cum: Int64
    public var callers: [Neighbour]
    public var callees: [Neighbour]
  }

  public let entries: [Entry]
  public let total: Int64
  public let sampleType: Profile.ValueType
  public let remarks: [String]
  private let graph: TrimmedGraph

  /// - Parameter pattern: only functions whose name matches, and nothing is trimmed (`peek`); nil for all (`tree`).
  /// - Throws: `noMatch` where no function matches.
  public init(_ session: ProfileSession, _ options: ProfileOptions, matching pattern: String? = nil)
    throws(ProfileError)
  {
    var options = options
    if pattern != nil { options.trim = false }
    let view = try ProfileView(session, options)
    var graph = TrimmedGraph(view, nodeCount: 80, withEdges: true)
    total = view.total
    sampleType = view.sampleType
    remarks = view.remarks
    var chosen = graph.graph.shown
    if let pattern {
      let regex = try Pattern(pattern, option: "the function")
      let raw = chosen.filter { regex.matches(graph.storedName($0)) }
      chosen = raw.isEmpty ? chosen.filter { regex.matches(graph.name($0)) } : raw
      guard !chosen.isEmpty else { throw .noMatch(pattern: pattern) }
    }
    var incoming: [Int: [CallGraph.Edge]] = [:]
    var outgoing: [Int: [CallGraph.Edge]] = [:]
    for edge in graph.graph.edges {
      incoming[edge.target, default: []].append(edge)
      outgoing[edge.source, default: []].append(edge)
    }
    var entries: [Entry] = []
    for node in chosen {
      let callers = graph.sorted(incoming[node] ?? []).map {
        Neighbour(name: graph.name($0.source), value: $0.weight, isInline: $0.isInline)
      }
      let callees = graph.sorted(outgoing[node] ?? []).map {
        Neighbour(name: graph.name($0.target), value: $0.weight, isInline: $0.isInline)
      }
      entries.append(
        Entry(
          name: graph.name(node), flat: graph.graph.flatValue(node), cum: graph.graph.cumValue(node), callers: callers,
          callees: callees))
    }
    self.entries = entries
    self.graph = graph
  }

  private static let separator = "----------------------------------------------------------+-------------"

  /// In pprof's columns.
  public func text() -> String {
    var lines = graph.head() + [Self.separator]
    lines.append("      flat  flat%   sum%        cum   cum%   calls calls% + context \t \t ")
    var sum: Int64 = 0
    func neighbour(_ other: Neighbour, _ cum: Int64) -> String {
      CFormat.right(graph.format(other.value), 50) + " \(ValueUnit.percentage(other.value, of: cum)) |   \(other.name)"
        + (other.isInline ? " (inline)" : "")
    }
    for entry in entries {
      lines.append(Self.separator)
      lines += entry.callers.map { neighbour($0, entry.cum) }
      sum &+= entry.flat
      lines.append(graph.columns(flat: entry.flat, sum: sum, cum: entry.cum) + "                | \(entry.name)")
      lines += entry.callees.map { neighbour($0, entry.cum) }
    }
    if !graph.graph.shown.isEmpty { lines.append(Self.separator) }
    return ReportText.page(lines)
  }
}
