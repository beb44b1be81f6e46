import LocalCache
import Synchronization
import Testing

/// Values that somebody changes while they are in the cache.
@Suite struct MutationCheckTests {
  final class Box: Sendable {
    let number: Mutex<Int>
    init(_ number: Int) { self.number = Mutex(number) }
  }

  private func cache(_ reported: Locked<[Int]>) -> LocalCache<Int, Box> {
    var configuration = LocalCache<Int, Box>.Configuration()
    configuration.mutationCheck = .init(
      fingerprint: { $0.number.withLock { $0 } }, report: { key in reported.with { $0.append(key) } })
    return LocalCache(name: "checked", limit: .entries(100), configuration: configuration)
  }

  @Test func changesAreReported() {
    let reported = Locked<[Int]>([])
    let cache = cache(reported)
    for key in 0..<10 { cache.set(Box(key), for: key) }
    // Many reads: the shards must not open to readers, who do not check.
    for _ in 0..<100 { for key in 0..<10 { _ = cache.get(key) } }
    #expect(reported.current == [])
    cache.get(3)?.number.withLock { $0 = 99 }
    _ = cache.get(3)
    #expect(reported.current == [3], "at the next hit")
    cache.get(5)?.number.withLock { $0 = 98 }
    #expect(cache.checkForMutations().sorted() == [3, 5])
    reported.with { $0 = [] }
    cache.remove(5)
    #expect(reported.current == [5], "when it leaves")
    cache.set(Box(4), for: 3)
    #expect(cache.checkForMutations() == [])
  }
}
