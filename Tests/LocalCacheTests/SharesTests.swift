import Testing

@testable import LocalCache

/// How the bound is divided among shards.
@Suite struct SharesTests {
  @Test func equalUnlessOneNeedsMore() {
    #expect(Shares.divide(10, needs: [0, 0, 0]) == [4, 3, 3])
    #expect(Shares.divide(100, needs: [70, 0, 0]) == [70, 15, 15])
    #expect(Shares.divide(100, needs: [10, 60, 39, 0]) == [1, 60, 39, 0])
    #expect(Shares.divide(100, needs: [300, 0]) == [100, 0])
    #expect(Shares.divide(0, needs: [0, 5]) == [0, 0])
    var random = Generator(state: 5)
    for _ in 0..<500 {
      let total = UInt64.random(in: 0...1000, using: &random)
      let needs = (0..<Int.random(in: 1...16, using: &random)).map { _ in UInt64.random(in: 0...400, using: &random) }
      #expect(Shares.divide(total, needs: needs).reduce(0, +) == total)
    }
  }

  /// The limit and what is kept free of it change beside threads that ask what is left: they must not take the one of before and the other of after.
  @Test func whatIsAvailableFitsIntoTheLimitWhileThatChanges() async {
    let bound = SharedBound(limit: .bytes(1 << 20))
    let small = bound.maximum
    let most = await withTaskGroup(of: UInt64.self) { group in
      group.addTask {
        for _ in 0..<200_000 {
          bound.setHeldBack(small * 250)
          bound.set(small * 1000)
          bound.setHeldBack(small / 4)
          bound.set(small)
        }
        return 0
      }
      group.addTask { (0..<400_000).reduce(into: 0) { most, _ in most = max(most, bound.available) } }
      return await group.reduce(0, max)
    }
    #expect(most <= small * 1000)
  }

  private func weighed(_ limit: Int, shards: Int) -> LocalCache<Int, Int> {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.weigher = { _, value in value }
    configuration.shards = shards
    return LocalCache(name: "shares", limit: .weight(limit), configuration: configuration)
  }

  /// An entry that is larger than a share stays when the limit grows, or shrinks to what still has room for it.
  @Test func largeEntriesSurviveAChangeOfTheLimit() {
    let cache = weighed(800, shards: 8)
    for key in 0..<800 { cache.set(1, for: key) }
    #expect(cache.set(600, for: 10_000))
    for limit in [900, 850, 2000, 700] {
      #expect(cache.resize(to: .weight(limit)))
      #expect(cache.get(10_000) == 600 && cache.weight <= limit)
      cache.balanceShares()
      #expect(cache.get(10_000) == 600)
    }
    for key in 0..<3000 {
      cache.set(1, for: key)
      #expect(cache.weight <= 700)
    }
    #expect(cache.resize(to: .weight(500)))
    #expect(cache.weight <= 500)
  }

  /// A share that becomes far smaller is reached in steps, so that nobody waits for more than one of them, and who stores something in between does not do the rest.
  @Test func aSmallerShareEvictsSomeAtATime() {
    let cache = weighed(10_000, shards: 1)
    for key in 0..<10_000 { cache.set(1, for: key) }
    let shard = cache.shard(at: 0)
    var removals = Removals<Int, Int>()
    for step in 1...3 {
      let isMore = cache.locked(shard) { $0.pointee.setMaximum(9750, limit: 100, &removals) }
      #expect(isMore == (step < 3))
      #expect(cache.count == max(10_000 - 100 * step, 9750))
      #expect(shard.pointee.policy.maximum == UInt64(cache.count))
      cache.set(1, for: 20_000 + step)
      #expect(cache.count == max(10_000 - 100 * step, 9750))
    }
    #expect(cache.resize(to: .weight(10)))
    #expect(cache.count == 10 && cache.statistics.evicted == 9993)
    for key in 0..<100 { cache.set(1, for: key) }
    #expect(cache.count == 10)
  }

  /// Values that leave by the thousand are all reported, each once.
  @Test func whatASmallerLimitEvictsIsReported() {
    let left = Locked<[Int]>([])
    let cache = LocalCache<Int, Int>(name: "reported", limit: .entries(20_000)) {
      $0.shards = 2
      $0.removalListener = { key, _, cause in if cause == .size { left.with { $0.append(key) } } }
    }
    for key in 0..<5000 { cache.set(key, for: key) }
    #expect(cache.resize(to: .entries(100)))
    let all = left.current
    #expect(all.count == Set(all).count && all.count == 5000 - cache.count && cache.count <= 100)
  }

  /// What cannot be taken in must not cost what is there.
  /// Each cache has a seed of its own, so the pinned entries lie otherwise in each.
  @Test(arguments: 0..<50) func anEntryThatPinnedOnesLeaveNoRoomForEvictsNothing(_: Int) {
    let cache = weighed(800, shards: 8)
    for key in 0..<100 { cache.set(5, for: key, pinned: true) }
    for key in 1000..<1250 { cache.set(1, for: key) }
    let before = cache.count
    #expect(!cache.set(400, for: 5000))
    #expect(cache.count == before)
    #expect(cache.weight <= 800)
  }

  /// Growing while shares are lent: at no moment may all shares together be more than the limit.
  @Test func theLimitHoldsWhileItIsChanged() async {
    let cache = weighed(800, shards: 8)
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        for step in 0..<400 {
          cache.set(500, for: 10_000 + step % 3)
          cache.resize(to: .weight(800 + step % 2 * 40))
        }
      }
      group.addTask {
        for key in 0..<40_000 { cache.set(1, for: key % 5000) }
      }
    }
    cache.resize(to: .weight(800))
    #expect(cache.weight <= 800)
  }
}
