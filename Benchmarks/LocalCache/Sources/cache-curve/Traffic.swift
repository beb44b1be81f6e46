import BenchmarkSupport
import Foundation

/// Keys in the order in which they are asked for, and the limit of the cache that sees them.
struct Traffic {
  let name: String
  let keys: [Int32]
  let limit: Int
  /// Whether entries weigh between 1 and 128, half of them 1; otherwise all weigh 1.
  var isWeighted = false

  /// What an entry weighs: a number of its key's.
  static func weight(_ key: Int) -> Int {
    var mixed = UInt64(truncatingIfNeeded: key) &* 0x9E37_79B9_7F4A_7C15
    mixed ^= mixed >> 29
    return 1 << ((mixed >> 8) | 0x80).trailingZeroBitCount
  }

  /// The made ones, `rounds` times as many accesses as the cache has entries.
  static func made(limit: Int, rounds: Int) -> [Traffic] {
    let count = limit * rounds
    var all = [(0.7, 5), (0.8, 5), (0.9, 5), (1.0, 5), (1.1, 20), (0.8, 50)].map { exponent, universe in
      var zipf = Zipf(keys: limit * universe, exponent: exponent, seed: 1)
      return Traffic(
        name: "Zipf \(exponent), \(universe) times the keys", keys: (0..<count).map { _ in zipf.next() }, limit: limit)
    }
    for universe in [2.0, 1.2] {
      var random = Random(state: 3)
      let bound = UInt64(Double(limit) * universe)
      all.append(
        Traffic(
          name: "uniform, \(universe) times the keys",
          keys: (0..<count).map { _ in Int32(random.next() >> 11 % bound) },
          limit: limit))
    }
    all.append(Traffic(name: "Zipf 0.9 and scans", keys: scans(limit, count), limit: limit))
    var zipf = Zipf(keys: limit * 4, exponent: 0.9, seed: 5)
    all.append(
      Traffic(
        name: "Zipf 0.9 and a loop",
        keys: (0..<count).map { $0 % 3 == 0 ? Int32(limit * 4 + $0 / 3 % (limit * 3 / 4)) : zipf.next() }, limit: limit)
    )
    var moving = Zipf(keys: limit * 5, exponent: 0.9, seed: 6)
    all.append(
      Traffic(
        name: "popularity moves", keys: (0..<count).map { Int32((Int(moving.next()) + $0 / 20) % (limit * 20)) },
        limit: limit))
    var phased = Zipf(keys: limit * 5, exponent: 0.9, seed: 7)
    all.append(
      Traffic(
        name: "phases",
        keys: (0..<count).map { Int32(Int(phased.next()) * ($0 / (limit * 12) % 2 == 0 ? 1 : 7919) % (limit * 5)) },
        limit: limit))
    var weighted = Zipf(keys: limit * 5, exponent: 0.9, seed: 9)
    all.append(
      Traffic(name: "weights, Zipf 0.9", keys: (0..<count).map { _ in weighted.next() }, limit: limit, isWeighted: true)
    )
    all.append(Traffic(name: "weights, scans", keys: scans(limit, count), limit: limit, isWeighted: true))
    return all
  }

  /// Popular keys, and after so many of them as the cache has entries half as many that never come again.
  private static func scans(_ limit: Int, _ count: Int) -> [Int32] {
    var zipf = Zipf(keys: limit * 4, exponent: 0.9, seed: 4)
    var keys: [Int32] = []
    var fresh = Int32(limit * 4)
    while keys.count < count {
      for _ in 0..<limit { keys.append(zipf.next()) }
      keys += fresh..<fresh + Int32(limit / 2)
      fresh += Int32(limit / 2)
    }
    return keys
  }
}

/// Keys by Zipf's law.
struct Zipf {
  private var cumulative: [Double] = []
  private var random: Random

  init(keys: Int, exponent: Double, seed: UInt64) {
    random = Random(state: seed &* 0x9E37_79B9_7F4A_7C15)
    var sum = 0.0
    cumulative.reserveCapacity(keys)
    for rank in 1...keys {
      sum += pow(Double(rank), -exponent)
      cumulative.append(sum)
    }
  }

  mutating func next() -> Int32 {
    let wanted = Double(random.next() >> 11) / Double(1 << 53) * (cumulative.last ?? 0)
    var low = 0
    var high = cumulative.count - 1
    while low < high {
      let middle = (low + high) / 2
      if cumulative[middle] < wanted { low = middle + 1 } else { high = middle }
    }
    return Int32(low)
  }
}
