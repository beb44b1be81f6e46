import Timeline

/// Curves for charts.
enum Curves {
  private static let most = 300
  /// Milliseconds over which load is a rate: it is asked less often than samples are taken, and repeated in between.
  private static let loadWindow: Int64 = 2_000
  private static let shown: [Metric] = [
    .rss, .anonymous, .file, .shared, .groupUsage, .groupFile, .groupKernel, .threads, .descriptors, .tcpEstablished,
    .cpu, .load,
  ]

  static func make(_ lives: [[Sample]]) -> GrowthReport.Curves {
    let samples = lives.flatMap { $0 }
    let stride = max((samples.count + most - 1) / most, 1)
    let kept = samples.enumerated().filter { $0.offset % stride == 0 || $0.offset == samples.count - 1 }.map(\.element)
    var values: [String: [Double?]] = [:]
    for metric in shown where kept.contains(where: { $0[metric] != nil }) {
      values[metric.name] = kept.indices.map { index in
        guard metric.kind == .counter else { return kept[index][metric] }
        let window = metric == .load ? loadWindow : 1
        guard let start = kept[..<index].lastIndex(where: { kept[index].time - $0.time >= window }),
          let now = kept[index][metric], let then = kept[start][metric], now >= then
        else { return nil }
        return (now - then) * 1000 / Double(kept[index].time - kept[start].time)
      }
    }
    return GrowthReport.Curves(times: kept.map(\.time), values: values)
  }
}
