import Foundation
import LocalCache
import Synchronization
import Testing

/// Whoever gets a value holds it before a writer can release it: otherwise its memory would be that of the next one, or of nothing.
///
/// More threads than processors, so that some lose theirs between the two. It matters what the optimizer makes of the cache: `scripts/test-optimized`
/// runs these tests with it.
@Suite(.serialized) struct HeldValuesTests {
  final class Tagged: Sendable {
    let key: Int
    let again: Int

    init(_ key: Int) {
      self.key = key
      again = ~key
    }

    func isOf(_ key: Int) -> Bool { self.key == key && again == ~key }
  }

  struct Several: Sendable {
    var first: Tagged
    var text: String
    var last: Tagged

    init(_ key: Int) {
      first = Tagged(key)
      text = "a text that is too long for sixteen bytes, of \(key)"
      last = Tagged(key)
    }

    func isOf(_ key: Int) -> Bool { first.isOf(key) && text.hasSuffix(" \(key)") && last.isOf(key) }
  }

  @Test func referencesAreHeldWhileTheyAreRead() { check({ $0 }, Tagged.init, isOf: { $0.isOf($1) }) }

  @Test func referencesThatExpire() {
    let expiry = CacheExpiry(afterWrite: .seconds(60), afterAccess: .seconds(30))
    check({ $0 }, Tagged.init, expiry, isOf: { $0.isOf($1) })
  }

  @Test func severalReferencesAreHeldWhileTheyAreRead() { check({ $0 }, Several.init, isOf: { $0.isOf($1) }) }

  @Test func referencesUnderStringsAreHeldWhileTheyAreRead() {
    check({ "key \($0)" }, Tagged.init, isOf: { $0.isOf($1) })
  }

  @Test func removedAndBorrowed() { check({ $0 }, Tagged.init, removes: true, isOf: { $0.isOf($1) }) }

  private func check<Key: Hashable & Sendable, Value: Sendable>(
    _ key: @escaping @Sendable (Int) -> Key, _ value: @escaping @Sendable (Int) -> Value,
    _ expiry: CacheExpiry = CacheExpiry(), removes: Bool = false,
    isOf: @escaping @Sendable (Value, Int) -> Bool
  ) {
    var configuration = LocalCache<Key, Value>.Configuration()
    configuration.expiry = expiry
    let cache = LocalCache<Key, Value>(name: "held", limit: .entries(50), configuration: configuration)
    let wrong = Atomic<Int>(0)
    let found = Atomic<Int>(0)
    let isOver = Atomic(false)
    let threads = DispatchGroup()
    for number in 0..<10 {
      threads.enter()
      Thread {
        var step = number
        while !isOver.load(ordering: .relaxed) {
          for _ in 0..<500 {
            step &+= 7
            let index = step % 8
            if number >= 8 {
              cache.set(value(index), for: key(index))
              if removes, step % 3 == 0, let gone = cache.remove(key(index)), !isOf(gone, index) {
                wrong.add(1, ordering: .relaxed)
              }
              if step % 20 == 0 { Thread.sleep(forTimeInterval: 50e-6) }
            } else if let value = step % 5 == 0 ? cache.withValue(for: key(index), { copy $0 }) : cache.get(key(index))
            {
              found.add(1, ordering: .relaxed)
              if !isOf(value, index) { wrong.add(1, ordering: .relaxed) }
            }
          }
        }
        threads.leave()
      }.start()
    }
    let begin = ContinuousClock.now
    // Where others have the processors, readers may begin late.
    while ContinuousClock.now < begin + .milliseconds(700)
      || found.load(ordering: .relaxed) == 0 && ContinuousClock.now < begin + .seconds(30)
    {
      Thread.sleep(forTimeInterval: 0.01)
    }
    isOver.store(true, ordering: .relaxed)
    threads.wait()
    #expect(wrong.load(ordering: .relaxed) == 0)
    #expect(found.load(ordering: .relaxed) > 0)
  }
}
