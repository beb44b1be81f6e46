import Foundation
import LocalCache

// Does the budget hold in the process's memory, as the system sees it, while entries of all sizes come and go?
//
// usage: cache-churn [SECONDS] [MEBIBYTES] [OPERATIONS A SECOND]

let numbers = CommandLine.arguments.dropFirst().map { Double($0) ?? 0 }
let seconds = numbers.first.map { max(1, $0) } ?? 60
let budget = numbers.dropFirst().first.map { max(1, $0) } ?? 256
let rate = numbers.dropFirst(2).first.map { max(1000, $0) } ?? 50_000

/// Resident memory of this process in MiB.
func resident() -> Double {
  guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
  let pages = text.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0
  return pages * Double(getpagesize()) / 1_048_576
}

/// A generator of pseudo-random numbers.
struct Random {
  var state: UInt64 = 88_172_645_463_325_252
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}

var random = Random()
let before = resident()
var configuration = LocalCache<Int, [String: String]>.Configuration()
configuration.expiry = CacheExpiry(afterWrite: .seconds(300), jitter: 0.2)
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
var nextLine = 10.0
print("  seconds   cache MiB     RSS MiB   RSS / cache    entries    hits in %")
while true {
  let elapsed = (clock.now - start) / .seconds(1)
  guard elapsed < seconds else { break }
  if operations > elapsed * rate {
    usleep(2000)
    continue
  }
  let phase = 0.5 + 0.5 * sin(elapsed / 30)
  for _ in 0..<1000 {
    // A popular tenth, a long tail.
    let number = random.next()
    let key = Int(number & 7 == 0 ? (number >> 8) % 20_000_000 : (number >> 8) % 100_000)
    if cache.get(key) == nil { cache.set(value(phase, &random), for: key) }
  }
  operations += 1000
  // The cache's own figure is what is compared: what else the process had before does not count.
  let weight = Double(cache.weight) / 1_048_576
  if weight > budget * 0.95 { highest = max(highest, (resident() - before) / weight) }
  if elapsed >= nextLine {
    let statistics = cache.statistics
    let line = String(
      format: "%9.0f %11.1f %11.1f %13.3f %10d %12.1f", elapsed, weight, resident() - before,
      (resident() - before) / max(weight, 0.001), statistics.entries, statistics.hitRatio * 100)
    print(line)
    nextLine *= 1.5
  }
}
print(String(format: "highest RSS / cache while full: %.3f after %.0f operations", highest, operations))
