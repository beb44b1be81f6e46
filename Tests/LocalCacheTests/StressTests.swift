import LocalCache
import Testing

/// Many tasks on one small cache; run under the thread sanitizer as CONTRIBUTING says.
@Suite struct StressTests {
  @Test func everythingAtOnce() async {
    var configuration = LocalCache<Int, String>.Configuration()
    configuration.expiry = CacheExpiry(afterWrite: .milliseconds(20), afterAccess: .milliseconds(10), jitter: 0.2)
    configuration.removalListener = { key, value, _ in #expect(value.hasSuffix(" \(key)")) }
    configuration.shards = 4
    let cache = LocalCache<Int, String>(name: "stress", limit: .bytes(.kibibytes(64)), configuration: configuration)
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<4 {
        group.addTask {
          var random = Generator(state: UInt64(worker))
          for step in 0..<8000 {
            let key = Int.random(in: 0..<1500, using: &random)
            switch step % 16 {
            case 0..<7: if let value = cache.get(key) { #expect(value.hasSuffix(" \(key)")) }
            case 7..<12: cache.set("the value of number \(key)", for: key)
            case 12: cache.remove(key)
            case 13: cache.withValue(for: key) { #expect($0.hasSuffix(" \(key)")) }
            case 14: _ = try? await cache.value(for: key) { "the value loaded for \($0)" }
            default:
              if step % 400 == 15 { cache.removeAll() }
              if step % 320 == 15 { _ = cache.statistics }
              if step % 800 == 15 { cache.resize(to: .bytes(.kibibytes(Double.random(in: 16...64, using: &random)))) }
              cache.removeExpired()
              _ = Bool.random(using: &random) ? cache.pin(key) : cache.unpin(key)
            }
            // Summed up over shards while shares move between them.
            #expect(cache.weight <= 128 * 1024)
          }
        }
      }
    }
  }

  /// A closure that takes long must not break the others, only delay them.
  @Test func longClosuresOnlyDelayOthers() async {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.shards = 1
    let cache = LocalCache<Int, Int>(name: "borrow", limit: .entries(100), configuration: configuration)
    for key in 0..<100 { cache.set(key, for: key) }
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<4 {
        group.addTask {
          for step in 0..<200 {
            let sum = cache.withValue(for: step % 100) { value in (0..<(worker == 0 ? 20_000 : 1)).reduce(value, &+) }
            #expect(sum != nil)
          }
        }
      }
    }
  }
}
