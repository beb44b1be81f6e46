/// A row of bars in one line of text: the shape of a series.
public enum Sparkline {
  private static let bars: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

  /// - Parameter width: most characters; longer series are folded to the highest value of each column.
  public static func text(_ values: [Double], width: Int = 60) -> String {
    let values = values.filter(\.isFinite)
    guard !values.isEmpty, width > 0 else { return "" }
    let columns = min(values.count, width)
    let folded = (0..<columns).map { column in
      let start = column * values.count / columns
      let end = max((column + 1) * values.count / columns, start + 1)
      return values[start..<end].max() ?? 0
    }
    guard let low = folded.min(), let high = folded.max(), high > low else {
      return String(repeating: bars[0], count: columns)
    }
    return String(folded.map { bars[min(Int(($0 - low) / (high - low) * 8), 7)] })
  }
}
