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

    Traces may be packed (gzip, xz, zstd, bzip2). Public ones: github.com/maypok86/otter, benchmarks/simulator/trace, and github.com/ben-manes/caffeine,
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
