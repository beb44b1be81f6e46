import LocalCache
import Testing

/// The cache beside a dictionary with a clock, over random operations.
@Suite struct ModelTests {
  struct Modelled {
    var value: Int
    var end: Duration?
  }

  @Test(arguments: 0..<12)
  func unboundedCacheIsADictionaryWithAClock(seed: Int) {
    var random = Generator(state: UInt64(seed))
    let clock = ManualClock()
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.clock = clock
    let lifetime = Duration.seconds(Int.random(in: 1...5000, using: &random))
    if seed % 3 != 0 { configuration.expiry.afterWrite = lifetime }
    configuration.shards = [1, 4, 16][seed % 3]
    let cache = LocalCache<Int, Int>(name: "model", limit: .entries(1_000_000), configuration: configuration)
    var model: [Int: Modelled] = [:]
    var now = Duration.zero
    for step in 0..<20_000 {
      let key = Int.random(in: 0..<500, using: &random)
      if let entry = model[key], let end = entry.end, end <= now { model[key] = nil }
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<45: #expect(cache.get(key) == model[key]?.value, "step \(step)")
      case 45..<80:
        let own =
          configuration.expiry.afterWrite != nil && step % 7 == 0
          ? Duration.seconds(Int.random(in: 1...900, using: &random)) : nil
        cache.set(step, for: key, lifetime: own)
        model[key] = Modelled(value: step, end: configuration.expiry.afterWrite.map { now + (own ?? $0) })
      case 80..<90: #expect(cache.remove(key) == model.removeValue(forKey: key)?.value)
      case 90..<95: #expect(cache.contains(key) == (model[key] != nil))
      case 95: cache.withValue(for: key) { #expect($0 == model[key]?.value) }
      case 96 where step % 50 == 0:
        cache.removeAll()
        model = [:]
      case 97: cache.removeExpired()
      default:
        // Whole multiples of a second, so that the millisecond-fine ticks of the cache and the model agree on what is over.
        let pause = Duration.milliseconds(Int.random(in: 0...400_000, using: &random)) + .milliseconds(3)
        clock.advance(by: pause)
        now += pause
        for (key, entry) in model where entry.end.map({ $0 <= now && now - $0 < .milliseconds(5) }) ?? false {
          model[key] = nil
          cache.remove(key)
        }
      }
    }
  }

  @Test func keysOfEqualHash() {
    struct Same: Hashable {
      let number: Int
      func hash(into hasher: inout Hasher) { hasher.combine(0) }
    }
    let cache = LocalCache<Same, Int>(name: "same", limit: .entries(300))
    for number in 0..<200 { cache.set(number, for: Same(number: number)) }
    for number in stride(from: 0, to: 200, by: 2) { cache.remove(Same(number: number)) }
    for number in 0..<200 { #expect(cache.get(Same(number: number)) == (number % 2 == 0 ? nil : number)) }
  }

  @Test func valuesAreReleasedOnceAndAll() {
    final class Counted: Sendable {
      static let living = Locked(0)
      init() { Self.living.with { $0 += 1 } }
      deinit { Self.living.with { $0 -= 1 } }
    }
    var random = Generator(state: 7)
    do {
      let cache = LocalCache<Int, Counted>(name: "counted", limit: .entries(100))
      for _ in 0..<5000 {
        let key = Int.random(in: 0..<300, using: &random)
        if Bool.random(using: &random) { cache.set(Counted(), for: key) } else { cache.remove(key) }
        #expect(Counted.living.current == cache.count)
      }
    }
    #expect(Counted.living.current == 0)
  }
}
