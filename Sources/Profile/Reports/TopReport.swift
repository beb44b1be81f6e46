/// `memwhy top`: functions by their own value.
public struct TopReport: Sendable {
  public struct Row: Sendable, Codable, Hashable {
    public var name: String
    /// In the sample type's unit.
    public var flat, cum: Int64
    public var flatShare, cumShare: Double
    /// All calls of it were inlined, some were, or none.
    public var inline: Inline
    public enum Inline: String, Sendable, Codable { case all, some, none }
  }

  public let rows: [Row]
  public let total: Int64
  public let sampleType: Profile.ValueType
  public let remarks: [String]
  private let graph: TrimmedGraph

  public init(_ session: ProfileSession, _ options: ProfileOptions) throws(ProfileError) {
    let view = try ProfileView(session, options)
    let graph = TrimmedGraph(view, nodeCount: 0, withEdges: false)
    self.graph = graph
    total = view.total
    sampleType = view.sampleType
    remarks = view.remarks
    var inlined: [Int: (all: Bool, some: Bool)] = [:]
    for edge in graph.graph.edges {
      let old = inlined[edge.target] ?? (true, false)
      inlined[edge.target] = (old.all && edge.isInline, old.some || edge.isInline)
    }
    func share(_ value: Int64) -> Double { view.total == 0 ? 0 : abs(Double(value) / Double(view.total)) }
    rows = graph.graph.shown.map { node in
      let flat = graph.graph.flatValue(node)
      let cum = graph.graph.cumValue(node)
      let inline = inlined[node] ?? (false, false)
      return Row(
        name: graph.name(node), flat: flat, cum: cum, flatShare: share(flat), cumShare: share(cum),
        inline: inline.some ? (inline.all ? .all : .some) : .none)
    }
  }

  /// In pprof's columns.
  public func text() -> String {
    var lines = graph.head()
    lines.append("      flat  flat%   sum%        cum   cum%")
    var sum: Int64 = 0
    for row in rows {
      sum &+= row.flat
      let suffix =
        switch row.inline {
        case .all: " (inline)"
        case .some: " (partial-inline)"
        case .none: ""
        }
      lines.append(graph.columns(flat: row.flat, sum: sum, cum: row.cum) + "  " + row.name + suffix)
    }
    return ReportText.page(lines)
  }
}
