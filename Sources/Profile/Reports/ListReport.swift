/// `memwhy list`: the source of functions with their own and their cumulated value at every line.
public struct ListReport: Sendable {
  public struct Line: Sendable, Codable, Hashable {
    public var number: Int
    public var flat, cum: Int64
    public var text: String
  }

  /// One function in one file.
  public struct Routine: Sendable, Codable, Hashable {
    public var name: String
    public var file: String
    public var flat, cum: Int64
    /// Empty where the source cannot be read.
    public var lines: [Line]
    /// Why there are no lines.
    public var problem: String?
  }

  public let routines: [Routine]
  public let total: Int64
  public let sampleType: Profile.ValueType
  public let remarks: [String]
  private let view: ProfileView

  /// - Throws: `noMatch` where no function matches.
  public init(_ session: ProfileSession, _ options: ProfileOptions, matching pattern: String) throws(ProfileError) {
    var options = options
    options.granularity = .lines
    options.trim = false
    let view = try ProfileView(session, options)
    let regex = try Pattern(pattern, option: "the function")
    let graph = TrimmedGraph(view, nodeCount: 0, withEdges: false, withObjects: true)
    self.view = view
    total = view.total
    sampleType = view.sampleType
    remarks = view.remarks
    let named = graph.graph.shown.map { (node: $0, name: graph.text(graph.key($0).name)) }
    var chosen = named.filter { regex.matches($0.name) }
    if chosen.isEmpty { chosen = named.filter { regex.matches(view.names.display($0.name)) } }
    guard !chosen.isEmpty else { throw .noMatch(pattern: pattern) }
    var reader = SourceReader(SourcePaths(sourcePath: options.sourcePath, trimPath: options.trimPath))
    var routines: [Routine] = []
    for (name, nodes) in Dictionary(grouping: chosen, by: \.name).sorted(by: { isBefore($0.key, $1.key) }) {
      let files = Dictionary(grouping: nodes.map(\.node)) { graph.text(graph.key($0).file) }
      let shown = view.names.display(name)
      if files.keys.allSatisfy(\.isEmpty) {
        let (flat, cum) = Self.sums(nodes.map(\.node), graph)
        routines.append(
          Routine(
            name: shown, file: "", flat: flat, cum: cum, lines: [],
            problem: "No source information for \(shown)"))
      }
      for (file, nodes) in files.sorted(by: { isBefore($0.key, $1.key) }) where !file.isEmpty {
        routines.append(Self.routine(shown, file, nodes, graph, &reader))
      }
    }
    self.routines = routines
  }

  private static func sums(_ nodes: [Int], _ graph: TrimmedGraph) -> (flat: Int64, cum: Int64) {
    nodes.reduce((0, 0)) { ($0.0 &+ graph.graph.flat[$1], $0.1 &+ graph.graph.cum[$1]) }
  }

  /// Lines before the first and behind the last one with a value.
  private static let margin: Int64 = 5

  private static func routine(
    _ name: String, _ file: String, _ nodes: [Int], _ graph: TrimmedGraph, _ reader: inout SourceReader
  ) -> Routine {
    let (flat, cum) = sums(nodes, graph)
    var routine = Routine(name: name, file: file, flat: flat, cum: cum, lines: [])
    let source: [String]
    switch reader.lines(of: file) {
    case .success(let lines): source = lines
    case .failure(let error):
      routine.problem = error.what
      return routine
    }
    var byLine: [Int64: [Int]] = [:]
    var start = Int64.max
    var end: Int64 = 0
    for node in nodes {
      let key = graph.key(node)
      byLine[key.line, default: []].append(node)
      start = min(start, key.startLine != 0 ? key.startLine : key.line.addingClamped(-margin))
      end = max(end, key.line.addingClamped(margin))
    }
    start = max(start, 1)
    end = min(end, Int64(source.count))
    guard start <= end else {
      routine.problem = "\(file) has only \(source.count) lines: it is not the version that was profiled"
      return routine
    }
    for number in start...end {
      let (flat, cum) = sums(byLine[number] ?? [], graph)
      routine.lines.append(Line(number: Int(number), flat: flat, cum: cum, text: source[Int(number) - 1]))
    }
    return routine
  }

  /// In pprof's columns.
  public func text() -> String {
    func format(_ value: Int64) -> String { view.format(value, unit: view.options.unit) }
    func column(_ value: Int64) -> String { CFormat.right(value == 0 ? "." : format(value), 10) }
    var lines = ["Total: \(format(total))"]
    for routine in routines {
      if routine.file.isEmpty {
        lines.append(routine.problem ?? "")
        continue
      }
      lines.append("ROUTINE ======================== \(routine.name) in \(routine.file)")
      lines.append(
        CFormat.right(format(routine.flat), 10) + " " + CFormat.right(format(routine.cum), 10)
          + " (flat, cum) \(ValueUnit.percentage(routine.cum, of: total)) of Total")
      if let problem = routine.problem { lines.append(" Error: \(problem)") }
      for line in routine.lines {
        lines.append(
          column(line.flat) + " " + column(line.cum) + " " + CFormat.right(String(line.number), 6) + ":" + line.text)
      }
    }
    return ReportText.page(lines)
  }
}
