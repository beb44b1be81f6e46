/// The text format of Prometheus (exposition_formats.md, version 0.0.4): one line a series.
enum PrometheusText {
  /// The sum over all series of a metric that have these labels; nil where there is none, or it is beyond all numbers.
  static func sum(of metric: String, labels wanted: [String: String] = [:], in text: String) -> Double? {
    var sum: Double?
    // Blanks and tabs may stand before, between and behind the parts of a line.
    for line in text.split(whereSeparator: \.isNewline).lazy.map({ $0.drop(while: isBlank) })
    where line.hasPrefix(metric) {
      let behind = line.dropFirst(metric.count)
      var rest = behind.drop(while: isBlank)
      guard let next = rest.first, next == "{" || rest.startIndex > behind.startIndex else { continue }
      var found: [String: String] = [:]
      if next == "{" {
        guard let end = closingBrace(rest) else { continue }
        found = labels(rest[rest.index(after: rest.startIndex)..<end])
        rest = rest[rest.index(after: end)...]
      }
      guard wanted.allSatisfy({ found[$0.key] == $0.value }), let word = rest.split(whereSeparator: isBlank).first,
        let value = Double(word), value.isFinite
      else { continue }
      sum = (sum ?? 0) + value
    }
    // Two numbers of a page may be finite and their sum not; nobody behind this expects infinity.
    return sum.flatMap { $0.isFinite ? $0 : nil }
  }

  private static func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }

  /// A brace inside a quoted value closes nothing.
  private static func closingBrace(_ text: Substring) -> Substring.Index? {
    var isQuoted = false
    var isEscaped = false
    for index in text.indices {
      let character = text[index]
      if isEscaped {
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else if character == "\"" {
        isQuoted.toggle()
      } else if character == "}" && !isQuoted {
        return index
      }
    }
    return nil
  }

  /// `name="value",…`; `\\`, `\"` and `\n` in values are undone.
  static func labels(_ text: Substring) -> [String: String] {
    var result: [String: String] = [:]
    var rest = text
    while let equals = rest.firstIndex(of: "=") {
      let name = rest[..<equals].filter { !isBlank($0) && $0 != "," }
      rest = rest[rest.index(after: equals)...].drop(while: isBlank)
      guard rest.first == "\"" else { break }
      rest = rest.dropFirst()
      var value = ""
      var isEscaped = false
      while let character = rest.popFirst() {
        if isEscaped {
          value.append(character == "n" ? "\n" : character)
          isEscaped = false
        } else if character == "\\" {
          isEscaped = true
        } else if character == "\"" {
          break
        } else {
          value.append(character)
        }
      }
      result[String(name)] = value
    }
    return result
  }
}
