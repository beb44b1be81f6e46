import Foundation
import LocalCache

// What a cache says it would hit at each tenth of its size, beside caches of those sizes that see the same traffic.
//
//   cache-curve LIMIT ROUNDS            made traffic, ROUNDS times as many accesses as the limit
//   cache-curve trace FILE SHARE…       a file of one key a line (-: standard input), limits as shares of its distinct keys
//   zcat oltp.gz | awk '{ for (i = 0; i < $2; i++) print $1 + i }' | cache-curve trace - 0.02 0.1 0.3
//
// The hit ratios compared are those of the last accesses, as many as the curve is about. A cache that is asked for millions a second would note a part of
// each second only, and the curve be about that part: so the one that makes the curve gets its traffic with pauses.

func cache(_ traffic: Traffic, tenths: Int) -> LocalCache<Int, Int> {
  var configuration = LocalCache<Int, Int>.Configuration()
  configuration.isObserved = tenths == 10
  guard traffic.isWeighted else {
    return LocalCache(name: "curve", limit: .entries(traffic.limit * tenths / 10), configuration: configuration)
  }
  configuration.weigher = { key, _ in Traffic.weight(key) }
  return LocalCache(name: "curve", limit: .weight(traffic.limit * 4 * tenths / 10), configuration: configuration)
}

/// Runs the traffic; the closure is told of hits.
///
/// - Parameter pauses: whether to wait for more than a second after so many accesses as fill half of the log of notes.
func run(_ traffic: Traffic, _ cache: LocalCache<Int, Int>, pauses: Bool, hit: (Int) -> Void) {
  for (index, key) in traffic.keys.enumerated() {
    if pauses, index % (traffic.limit * 16) == traffic.limit * 16 - 1 { Thread.sleep(forTimeInterval: 1.05) }
    if cache.get(Int(key)) != nil { hit(index) } else { cache.set(index, for: Int(key)) }
  }
}

func percent(_ value: Double) -> String { String(format: "%6.2f", value * 100) }

/// Prints the row of a traffic, and returns by how much the curve is off.
func compare(_ traffic: Traffic) -> [Double] {
  let full = cache(traffic, tenths: 10)
  run(traffic, full, pauses: true) { _ in }
  let curve = full.missRatioCurve
  let first = max(0, traffic.keys.count - curve.requests)
  let differences = (1...9).map { tenths in
    var hits = 0
    run(traffic, cache(traffic, tenths: tenths), pauses: false) { if $0 >= first { hits += 1 } }
    let truth = Double(hits) / Double(max(traffic.keys.count - first, 1))
    return curve.hitRatio(at: full.limit.amount * tenths / 10) - truth
  }
  let name = traffic.name.padding(toLength: 28, withPad: " ", startingAt: 0)
  print(name, differences.map(percent).joined(), "  now", percent(curve.hitRatio(at: full.limit.amount)))
  return differences
}

func readKeys(_ path: String) -> [Int32] {
  let data = path == "-" ? FileHandle.standardInput.readDataToEndOfFile() : FileManager.default.contents(atPath: path)
  var numbers: [Substring: Int32] = [:]
  return String(decoding: data ?? Data(), as: UTF8.self).split(whereSeparator: \.isNewline).map { line in
    if let number = numbers[line] { return number }
    numbers[line] = Int32(numbers.count)
    return Int32(numbers.count - 1)
  }
}

var errors: [Double] = []
let arguments = CommandLine.arguments.dropFirst()
print("curve minus truth at 0.1 … 0.9 of the size, in points; and what the cache hits now, in %")
if arguments.first == "trace", let path = arguments.dropFirst().first {
  let keys = readKeys(path)
  let distinct = Int(keys.max() ?? 0) + 1
  for share in arguments.dropFirst(2).compactMap(Double.init) {
    let limit = max(Int(Double(distinct) * share), 10)
    errors += compare(Traffic(name: "\(share) of the keys: \(limit)", keys: keys, limit: limit))
  }
} else {
  let numbers = arguments.compactMap { Int($0) }
  let limit = max(numbers.first ?? 10_000, 10)
  for traffic in Traffic.made(limit: limit, rounds: max(numbers.dropFirst().first ?? 40, 1)) {
    errors += compare(traffic)
  }
}
if !errors.isEmpty {
  let square = (errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)).squareRoot()
  let within = errors.filter { abs($0) <= 0.01 }.count
  print("root mean square \(percent(square)), within a point \(within) of \(errors.count)")
}
