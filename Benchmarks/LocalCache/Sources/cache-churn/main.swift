import BenchmarkSupport
import Foundation
import LocalCache

// Does the budget hold in the process's memory, as the system sees it, while entries of all sizes come and go?
//
// usage: cache-churn [SECONDS] [MEBIBYTES] [OPERATIONS A SECOND] [SPEED] [plain]
//
// SPEED lets everything happen so many times as fast: lifetimes, the drift of sizes, the operations, and how often the cache looks at its memory.
// plain: the cache does nothing about holes and free pages.

let words = CommandLine.arguments.dropFirst()
let isPlain = words.contains("plain")
let numbers = words.compactMap { Double($0) }
func number(_ index: Int, _ least: Double, default standard: Double) -> Double {
  index < numbers.count ? max(least, numbers[index]) : standard
}
let speed = number(3, 0.1, default: 1)
let seconds = number(0, 1, default: 60)
let budget = number(1, 1, default: 256)
let rate = number(2, 1000, default: 50_000) * speed

/// Resident memory of this process in MiB.
func resident() -> Double {
  guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
  let pages = text.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0
  return pages * Double(getpagesize()) / 1_048_576
}

var random = Random()
let before = resident()
var configuration = LocalCache<Int, [String: String]>.Configuration()
configuration.expiry = CacheExpiry(afterWrite: .seconds(300 / speed), jitter: 0.2)
configuration.memory.countsHoles = !isPlain
configuration.memory.returnsPages = !isPlain
let cache = LocalCache<Int, [String: String]>(
  name: "churn", limit: .bytes(.mebibytes(budget)), configuration: configuration)

/// Dictionaries of strings, whose sizes drift: what fits into holes today does not tomorrow.
func value(_ phase: Double, _ random: inout Random) -> [String: String] {
  let fields = 1 + Int(random.next() % 12)
  let length = 16 + Int(random.next() % UInt64(40 + 160 * phase))
  var result: [String: String] = [:]
  for field in 0..<fields { result["field \(field)"] = String(repeating: "x", count: length + field) }
  return result
}

let clock = ContinuousClock()
let start = clock.now
var operations = 0.0
var highest = 0.0
var nextLine = min(60.0, seconds / 20)
var nextLook = 0.0

/// What the process has gained since the cache was made: what it had before does not count.
func gained() -> Double { resident() - before }

func printLine(_ text: String) {
  print(text)
  // Somebody may be looking at the file.
  fflush(nil)
}

printLine("  seconds   entries MiB   holes   held back     RSS MiB   RSS / budget    entries    hits in %")
while true {
  let elapsed = (clock.now - start) / .seconds(1)
  guard elapsed < seconds else { break }
  if operations > elapsed * rate {
    usleep(2000)
    continue
  }
  let phase = 0.5 + 0.5 * sin(elapsed * speed / 30)
  for _ in 0..<1000 {
    // A popular tenth, a long tail.
    let number = random.next()
    let key = Int(number & 7 == 0 ? (number >> 8) % 20_000_000 : (number >> 8) % 100_000)
    if cache.get(key) == nil { cache.set(value(phase, &random), for: key) }
  }
  operations += 1000
  // The cache looks by itself every five seconds.
  if speed > 1, elapsed >= nextLook {
    cache.tendMemory()
    nextLook = elapsed + 5 / speed
  }
  highest = max(highest, gained() / budget)
  if elapsed >= nextLine {
    let statistics = cache.statistics
    let footprint = cache.footprint
    let mebibyte = 1_048_576.0
    printLine(
      String(
        format: "%9.0f %13.1f %7.1f %11.1f %11.1f %14.3f %10d %12.1f", elapsed, Double(footprint.entries) / mebibyte,
        Double(footprint.holes) / mebibyte, Double(footprint.heldBack) / mebibyte, gained(), gained() / budget,
        statistics.entries, statistics.hitRatio * 100))
    nextLine += min(60.0, seconds / 20)
  }
}
printLine(String(format: "highest RSS / budget: %.3f after %.0f operations", highest, operations))
