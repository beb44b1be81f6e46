/// `memwhy traces`: every sample with its whole stack.
public struct TracesReport: Sendable {
  public struct Trace: Sendable, Codable, Hashable {
    public var value: Int64
    /// `key:  value` as printed, sorted.
    public var labels: [String]
    /// Leaf first.
    public var frames: [String]
  }

  public let traces: [Trace]
  public let total: Int64
  public let sampleType: Profile.ValueType
  public let remarks: [String]
  private let view: ProfileView

  public init(_ session: ProfileSession, _ options: ProfileOptions) throws(ProfileError) {
    let view = try ProfileView(try session.merged(), options)
    self.view = view
    total = view.total
    sampleType = view.sampleType
    remarks = view.remarks
    let graph = TrimmedGraph(view, nodeCount: 0, withEdges: false)
    let nodes = CallGraph.Nodes(view.profile, withObjects: false) { graph.files[$0] ?? $0 }
    let names = nodes.keys.map { graph.name(of: $0) }
    var traces: [Trace] = []
    for sample in 0..<view.profile.samples.count {
      var frames: [String] = []
      for location in view.profile.samples.stack(sample) {
        let range = nodes.starts[Int(location)]..<nodes.starts[Int(location) + 1]
        for member in range {
          frames.append(names[Int(nodes.members[member])] + (member == range.upperBound - 1 ? "" : " (inline)"))
        }
      }
      guard !frames.isEmpty else { continue }
      var value = view.profile.samples.value(sample, view.sampleIndex)
      if let divisor = view.divisorIndex {
        let part = view.profile.samples.value(sample, divisor)
        if part != 0 { value = value.dividedReportingOverflow(by: part).partialValue }
      }
      traces.append(Trace(value: value, labels: Self.labels(view, sample), frames: frames))
    }
    self.traces = traces
  }

  private static func labels(_ view: ProfileView, _ sample: Int) -> [String] {
    var texts: [StringID: [String]] = [:]
    var numbers: [StringID: [String]] = [:]
    for label in view.profile.samples.labels(sample) {
      if label.text != 0 {
        texts[label.key, default: []].append(view.profile.text(label.text))
      } else if label.isNumber {
        numbers[label.key, default: []].append(
          ValueUnit.label(label.number, from: view.numberUnits[label.key] ?? "", to: "auto"))
      }
    }
    func lines(_ groups: [StringID: [String]]) -> [String] {
      groups.map { CFormat.right(view.profile.text($0.key), 10) + ":  " + $0.value.joined(separator: " ") }.sorted(
        by: isBefore)
    }
    return lines(texts) + lines(numbers)
  }

  private static let separator = "-----------+-------------------------------------------------------"

  /// In pprof's columns.
  public func text() -> String {
    var lines = view.labels { view.format($0, unit: view.options.unit) }
    for trace in traces {
      lines.append(Self.separator)
      lines += trace.labels
      for (index, frame) in trace.frames.enumerated() {
        let value = index == 0 ? view.format(trace.value, unit: view.options.unit) : ""
        lines.append(CFormat.right(value, 10) + "   " + frame)
      }
    }
    lines.append(Self.separator)
    return ReportText.page(lines)
  }
}
