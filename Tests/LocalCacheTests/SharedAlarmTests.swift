import Testing

@testable import LocalCache

/// One sleeping task for all caches by the clock of the system.
@Suite struct SharedAlarmTests {
  @Test func whatIsDueEarlierDoesNotWaitForWhatIsDueLater() async {
    let alarm = SharedAlarm()
    let called = Locked<[Int]>([])
    alarm.call(after: .seconds(3600)) { called.with { $0.append(0) } }
    for number in 1...3 {
      alarm.call(after: .milliseconds(5)) { called.with { $0.append(number) } }
      await until { called.current.contains(number) }
    }
    for number in 4..<104 { alarm.call(after: .milliseconds(number % 7)) { called.with { $0.append(number) } } }
    alarm.call(after: .seconds(-1)) { called.with { $0.append(104) } }
    await until { called.current.count == 104 }
    #expect(Set(called.current) == Set(1...104), "each once, and none before its time")
  }

  /// Nobody uses these caches any more; the one that is to be looked at later was there first.
  @Test func expiredEntriesGoWhenNobodyUsesTheirCache() async {
    let left = Locked(0)
    func cache(_ lifetime: Duration) -> LocalCache<Int, Int> {
      LocalCache(name: "alone", limit: .entries(100)) {
        $0.expiry.afterWrite = lifetime
        $0.removalListener = { _, _, cause in if cause == .expired { left.with { $0 += 1 } } }
      }
    }
    let caches = [cache(.seconds(3600)), cache(.milliseconds(20)), cache(.milliseconds(10))]
    for cache in caches { for key in 0..<50 { cache.set(key, for: key) } }
    await until { left.current == 100 }
    // Once more, after there was nothing left to look after.
    caches[1].set(1, for: 1)
    await until { left.current == 101 }
    #expect(caches[0].count == 50)
  }

  /// What waits for its time does not keep the cache.
  @Test func theAlarmDoesNotKeepCaches() {
    weak var kept: LocalCache<Int, Int>?
    do {
      let cache = LocalCache<Int, Int>(name: "let go", limit: .entries(100)) { $0.expiry.afterWrite = .seconds(3600) }
      cache.set(1, for: 1)
      kept = cache
    }
    #expect(kept == nil)
  }
}
