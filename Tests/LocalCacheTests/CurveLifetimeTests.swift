import Testing

@testable import LocalCache

/// What other sizes would hit where entries end by their lifetime and others make room: a larger cache keeps them until they are over, and no longer.
@Suite struct CurveLifetimeTests {
  struct Traffic: Sendable {
    var limit: Int
    var keys: Int
    /// Nil: entries last.
    var seconds: Int?
    var isProlonged = false

    static let stepsPerSecond = 1000
    static let steps = 60_000

    /// Popular keys and others: the cube of an even number is small mostly.
    func keys(seed: UInt64) -> [Int] {
      var random = Generator(state: seed)
      return (0..<Self.steps).map { _ in
        let draw = Double(random.next() >> 11) / 0x1p53
        return Int(Double(keys) * draw * draw * draw)
      }
    }
  }

  /// Returns the cache, and what the second half of the look-ups hit.
  private func run(_ traffic: Traffic, limit: Int, seed: UInt64) -> (cache: LocalCache<Int, Int>, hitRatio: Double) {
    let clock = ManualClock()
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.clock = clock
    let lifetime = traffic.seconds.map { Duration.seconds($0) }
    configuration.expiry =
      traffic.isProlonged ? CacheExpiry(afterAccess: lifetime) : CacheExpiry(afterWrite: lifetime)
    let cache = LocalCache<Int, Int>(name: "ending", limit: .entries(limit), configuration: configuration)
    var hits = 0
    for (step, key) in traffic.keys(seed: seed).enumerated() {
      if step % 10 == 0 { clock.advance(by: .milliseconds(10_000 / Traffic.stepsPerSecond)) }
      if cache.get(key) == nil { cache.set(key, for: key) } else if step >= Traffic.steps / 2 { hits += 1 }
    }
    return (cache, Double(hits) / Double(Traffic.steps / 2))
  }

  /// The same of a cache that evicts the least recently used.
  private func runLRU(_ traffic: Traffic, limit: Int, seed: UInt64) -> Double {
    let lifetime = traffic.seconds.map { $0 * Traffic.stepsPerSecond } ?? .max
    var used: [Int: (last: Int, begun: Int)] = [:]
    var order: [Int] = []
    var oldest = 0
    var hits = 0
    for (step, key) in traffic.keys(seed: seed).enumerated() {
      order.append(key)
      if let entry = used[key], step - (traffic.isProlonged ? entry.last : entry.begun) < lifetime {
        used[key] = (step, entry.begun)
        if step >= Traffic.steps / 2 { hits += 1 }
        continue
      }
      used[key] = (step, step)
      while used.count > limit {
        if used[order[oldest]]?.last == oldest { used[order[oldest]] = nil }
        oldest += 1
      }
    }
    return Double(hits) / Double(Traffic.steps / 2)
  }

  private func median(_ numbers: [Double]) -> Double { numbers.sorted()[numbers.count / 2] }

  /// Which keys are sampled is chance: the median of three counts.
  @Test(arguments: [
    Traffic(limit: 1000, keys: 10_000, seconds: 3), Traffic(limit: 2000, keys: 20_000, seconds: 2, isProlonged: true),
    Traffic(limit: 1000, keys: 4000, seconds: nil),
  ])
  func largerCachesKeepNothingThatIsOver(_ traffic: Traffic) {
    let curves = (1...3).map { run(traffic, limit: traffic.limit, seed: $0).cache.missRatioCurve }
    let size = traffic.limit * 4
    let found = run(traffic, limit: size, seed: 1).hitRatio
    let promised = curves.map { $0.hitRatio(at: size) }
    #expect(abs(median(promised) - found) < 0.1, "\(traffic), \(size): \(found), \(promised)")
    for size in [traffic.limit / 5, traffic.limit] {
      let found = runLRU(traffic, limit: size, seed: 1)
      let promised = curves.map { curve in curve.points.first { $0.size >= size }?.lruHitRatio ?? 0 }
      #expect(abs(median(promised) - found) < 0.25, "\(traffic), LRU, \(size): \(found), \(promised)")
    }
  }
}
