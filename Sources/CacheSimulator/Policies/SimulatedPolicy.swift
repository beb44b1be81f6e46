/// A policy as the simulator sees it: is the key there, and if not, take it in.
protocol SimulatedPolicy: SendableMetatype {
  static var name: String { get }
  /// Whether it hashes keys, so that what it hits depends a little on the seed.
  static var isSeeded: Bool { get }
  init(capacity: Int, trace: Trace, seed: UInt64)
  /// True for a hit. `time` is the index of the access.
  mutating func access(_ key: Int32, time: Int) -> Bool
}

extension SimulatedPolicy {
  static var isSeeded: Bool { false }
}

/// A row of the table of policies.
struct PolicyRow: Sendable {
  let name: String
  let isSeeded: Bool
  private let replay: @Sendable (Trace, Int, UInt64) -> Int

  init<Policy: SimulatedPolicy>(_ type: Policy.Type) {
    name = Policy.name
    isSeeded = Policy.isSeeded
    replay = { trace, capacity, seed in
      var policy = Policy(capacity: capacity, trace: trace, seed: seed)
      var hits = 0
      var time = 0
      for key in trace.keys {
        if policy.access(key, time: time) { hits += 1 }
        time += 1
      }
      return hits
    }
  }

  func hits(_ trace: Trace, _ capacity: Int, seed: UInt64 = 0) -> Int { replay(trace, capacity, seed) }

  /// Mean of the hits with several seeds, which are one after the other.
  func meanHits(_ trace: Trace, _ capacity: Int, draws: SeedRange) -> Double {
    let seeds = isSeeded ? draws.seeds : [draws.first]
    return Double(seeds.reduce(0) { $0 + hits(trace, capacity, seed: $1) }) / Double(seeds.count)
  }

  static let all: [PolicyRow] = [
    PolicyRow(LRU.self),
    PolicyRow(Sieve.self),
    PolicyRow(S3FIFO.self),
    PolicyRow(TinyLFU<OnePercent>.self),
    PolicyRow(TinyLFU<TwentyPercent>.self),
    PolicyRow(TinyLFU<Adaptive>.self),
    PolicyRow(Optimum.self),
  ]
}

/// Seeds of the hash, one for each draw.
struct SeedRange: Sendable {
  var first: UInt64 = 0
  var count = 1
  static let most = 1000
  var seeds: [UInt64] { (0..<UInt64(count)).map { first &+ $0 } }
}
