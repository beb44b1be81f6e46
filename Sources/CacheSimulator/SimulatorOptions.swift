/// The command line.
struct SimulatorOptions {
  var traces: [String] = []
  var format: TraceFormat?
  var isJSON = false
  var svgPath: String?
  var wantsHelp = false
  var wantsSummary = false
  var draws = SeedRange()
  private var sizeTexts = ["1%", "5%", "10%", "20%", "40%"]

  init(_ arguments: [String]) throws {
    var rest = arguments[...]
    func value(_ option: String) throws -> String {
      guard let value = rest.popFirst() else { throw SimulatorError.usage("\(option) wants a value") }
      return value
    }
    while let argument = rest.popFirst() {
      switch argument {
      case "--help", "-h": wantsHelp = true
      case "--json": isJSON = true
      case "--summary": wantsSummary = true
      case "--svg": svgPath = try value(argument)
      case "--seed":
        guard let seed = UInt64(try value(argument)) else {
          throw SimulatorError.usage("--seed wants a whole number, 0 or greater")
        }
        draws.first = seed
      case "--seeds":
        guard let count = Int(try value(argument)), (1...SeedRange.most).contains(count) else {
          throw SimulatorError.usage("--seeds wants a whole number from 1 to \(SeedRange.most)")
        }
        draws.count = count
      case "--sizes":
        sizeTexts = try value(argument).split(separator: ",").map(String.init)
        guard !sizeTexts.isEmpty else { throw SimulatorError.usage("--sizes wants at least one size") }
      case "--format":
        let name = try value(argument)
        guard let format = TraceFormat(rawValue: name) else {
          throw SimulatorError.usage("there is no format '\(name)'")
        }
        self.format = format
      case _ where argument.hasPrefix("-"): throw SimulatorError.usage("there is no option \(argument)")
      default: traces.append(argument)
      }
    }
    guard wantsHelp || !traces.isEmpty else { throw SimulatorError.usage("no trace given") }
  }

  /// Entries, smallest first, each once.
  func sizes(for trace: Trace) throws -> [Int] {
    var sizes: Set<Int> = []
    for text in sizeTexts {
      if text.hasSuffix("%"), let percent = Double(text.dropLast()), percent > 0, percent <= 1000 {
        sizes.insert(max(1, Int(Double(trace.distinct) * percent / 100)))
      } else if let count = Int(text), count > 0, count <= 1 << 27 {
        sizes.insert(count)
      } else {
        throw SimulatorError.badSize(text)
      }
    }
    return sizes.sorted()
  }
}
