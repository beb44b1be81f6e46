import Testing

@testable import LocalCache

/// Listeners, and ends of values, that use the cache they left.
@Suite struct CallbackTests {
  private final class Value: Sendable {
    private let ended: @Sendable () -> Void
    init(_ ended: @escaping @Sendable () -> Void) { self.ended = ended }
    deinit { ended() }
  }

  private final class Holder: Sendable {
    let cache = Locked<LocalCache<Int, Value>?>(nil)
    let calls = Locked(0)

    /// Uses the cache in all ways, with keys of its own.
    func callBack() {
      guard let cache = cache.current,
        calls.with({
          $0 += 1
          return $0 < 5000
        })
      else { return }
      let quiet = Value {}
      cache.set(quiet, for: -1)
      _ = cache.get(-1)
      _ = cache.withValue(for: -2) { _ in 1 }
      _ = try? cache.value(for: -3) { quiet }
      cache.remove(-3)
      _ = cache.statistics
      cache.pin(-1)
      cache.unpin(-1)
      cache.removeExpired()
    }
  }

  /// One part, so that each call meets the lock under which it would be made, were it made under one.
  @Test(arguments: [false, true]) func fromEachWayToLeave(byListener: Bool) throws {
    let (clock, holder) = (ManualClock(), Holder())
    let cache = LocalCache<Int, Value>(name: "callbacks", limit: .entries(50)) {
      $0.clock = clock
      $0.shards = 1
      $0.expiry.afterWrite = .seconds(100)
      if byListener { $0.removalListener = { key, _, _ in if key >= 0 { holder.callBack() } } }
    }
    holder.cache.with { $0 = cache }
    func value() -> Value { byListener ? Value {} : Value { holder.callBack() } }
    func calls(_ body: () throws -> Void) rethrows -> Int {
      let before = holder.calls.current
      try body()
      return holder.calls.current - before
    }
    #expect(calls { for key in 0..<200 { cache.set(value(), for: key) } } >= 150, "evicted")
    #expect(calls { for key in 0..<200 { cache.set(value(), for: key) } } >= 150, "evicted, replaced")
    let present = (0..<200).filter(cache.contains).prefix(2)
    #expect(calls { for key in present { cache.remove(key) } } >= 2)
    #expect(calls { cache.resize(to: .entries(20)) } >= 20)
    clock.advance(by: .seconds(200))
    #expect(calls { for key in 300..<320 { cache.set(value(), for: key) } } >= 10, "expired")
    clock.advance(by: .seconds(200))
    #expect(calls { cache.removeExpired() } >= 10)
    for key in 0..<20 { cache.set(value(), for: key) }
    #expect(calls { cache.removeAll { key, _ in key % 2 == 0 } } >= 5)
    #expect(calls { cache.removeAll() } >= 5)
    // A closure that makes a value may end others, and these use the cache.
    let ofMaking = try calls {
      _ = try cache.value(for: 1) {
        cache.set(value(), for: 2)
        cache.remove(2)
        return value()
      }
    }
    #expect(ofMaking >= 1)
    holder.cache.with { $0 = nil }
  }
}
