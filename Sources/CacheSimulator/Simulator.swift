import Foundation

/// `cache-simulator`: what hit ratios the policies reach on recorded traffic.
@main
struct Simulator {
  static let help = """
    cache-simulator replays traces of accesses at several sizes and compares the policy of LocalCache with LRU, SIEVE, S3-FIFO, W-TinyLFU with
    a fixed window, and the optimum that knows the future.

    usage: cache-simulator [--sizes LIST] [--seed N] [--seeds N] [--format FORMAT] [--json] [--svg FILE] [--summary] TRACE...

      --sizes LIST     entries or shares of the distinct keys: 250,500,1000 or 1%,10%,40% (default: 1%,5%,10%,20%,40%)
      --seed N         of the hash of keys (default: 0). LocalCache looks at a sample of the keys, and which those are is chance
      --seeds N        means over N draws, with this seed and those after it (default: 1; 1000 at most)
      --format FORMAT  arc (start and count a line), lirs (a number a line), corda or cache2k (big-endian words of 8 or 4 bytes); default: by the file
      --json           one JSON object a trace and size
      --svg FILE       draws the curves of the last trace
      --summary        ends with the means over all traces and sizes, and where LocalCache is behind
      --help           this text

    Traces may be packed (.gz, .xz). Public ones: github.com/maypok86/otter, benchmarks/simulator/trace, and github.com/ben-manes/caffeine,
    the simulator's resources.

    example: cache-simulator --sizes 250,500,1000,2000 oltp.gz
    """

  static func main() {
    do {
      let options = try SimulatorOptions(Array(CommandLine.arguments.dropFirst()))
      if options.wantsHelp {
        print(help)
        return
      }
      try run(options)
    } catch let error as SimulatorError {
      fail("\(error)", code: error.exitCode)
    } catch {
      fail("\(error)", code: 70)
    }
  }

  private static func say(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }

  private static func fail(_ text: String, code: Int32) -> Never {
    say("cache-simulator: \(text)")
    exit(code)
  }

  private static func run(_ options: SimulatorOptions) throws {
    var last: SimulationTable?
    var summary = SimulationSummary()
    for path in options.traces {
      let trace = try Trace.load(path, format: options.format) { say($0) }
      let table = SimulationTable(trace: trace, sizes: try options.sizes(for: trace), draws: options.draws) {
        policy, size in
        say("\(trace.name): \(policy), \(size) entries")
      }
      print(options.isJSON ? table.json : table.text)
      summary.add(table)
      last = table
    }
    // What reads JSON wants nothing else on that side.
    if options.wantsSummary { if options.isJSON { say(summary.text) } else { print(summary.text) } }
    if let path = options.svgPath, let last {
      do { try last.svg.write(toFile: path, atomically: true, encoding: .utf8) } catch {
        throw SimulatorError.unwritable(path: path, reason: error.localizedDescription)
      }
    }
  }
}

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
