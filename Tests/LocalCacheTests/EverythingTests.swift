import Foundation
import Testing

@testable import LocalCache

/// All operations in any order by one caller, beside a model. `TogetherTests` does the same with many callers at once.
@Suite struct EverythingTests {
  /// More of them with `LOCALCACHE_SEEDS`, for who has changed much.
  static let seeds = 0..<(Int(ProcessInfo.processInfo.environment["LOCALCACHE_SEEDS"] ?? "") ?? 24)

  @Test(arguments: seeds) func anyOperationsInAnyOrder(seed: Int) async throws {
    try await EverythingModel(seed: seed).run(steps: 1500)
  }
}

extension EverythingModel {
  fileprivate func run(steps: Int) async throws {
    var furthest = Duration.zero
    for _ in 0..<steps {
      furthest = max(furthest, now)
      switch die(100) {
      case 0..<25: look()
      case 25..<28:
        let key = someKey()
        let isThere = cache.contains(key)
        expect(isThere ? isPossiblyThere(key) : !isSurelyThere(key), "contains says \(isThere) of \(key)")
      case 28..<55: set()
      case 55..<57: setMany()
      case 57..<65: remove()
      case 65..<70: pin()
      case 70 where die(5) == 0:
        note("removeAll")
        cache.removeAll()
        settle(removed: nil)
        expect(contents.isEmpty, "\(contents.count) are left")
      case 71..<74:
        note("removeExpired")
        cache.removeExpired()
        settle()
        // Where the clock has gone back it has to make up for that first.
        if now >= furthest { for (key, entry) in contents { expect(now < entry.latest, "\(key) is over, \(entry)") } }
      case 74..<77: await load()
      case 77: await refresh()
      // Those that are due would be loaded behind its back.
      case 78 where configuration.loading.refreshAfter == nil: await loadMany()
      case 79 where die(10) == 0: try snapshot()
      case 80 where die(5) == 0: resize()
      case 81 where die(100) == 0: _ = (cache.verdict, cache.publish(), cache.missRatioCurve.hitRatio(at: 7))
      case 82:
        let key = someKey()
        let isThere = cache.age(of: key) != nil
        expect(isThere ? isPossiblyThere(key) : !isSurelyThere(key), "\(isThere) that \(key) has an age")
      case 83: cache.balanceShares()
      case 84: cache.holdBack(UInt64(die(2) * die(Int(clamping: cache.bound.maximum / 4))))
      case 85: expect(cache.checkForMutations().isEmpty, "changed")
      case 86: _ = (cache.footprint, cache.tendMemory())
      case 87..<98:
        let steps: [Duration] = [
          .zero, .milliseconds(die(10)), .milliseconds(die(1000)), .seconds(die(60)), .seconds(die(3600)),
          .seconds(-die(5)),
        ]
        let step = max(steps[die(6)], .zero - now)
        note("the clock goes on by \(step)")
        clock.advance(by: step)
      case 98:
        note("removeAll of every third")
        let third = die(3)
        cache.removeAll { key, _ in key.number % 3 == third }
        settle(removed: Set(contents.keys.filter { $0.number % 3 == third }))
        expect(contents.keys.allSatisfy { $0.number % 3 != third }, "some of it is left")
      default: check()
      }
      settle()
    }
    check()
  }

  private func look() {
    let key = someKey()
    switch die(4) {
    case 0:
      note("withValue \(key.number)")
      var found: Item?
      cache.withValue(for: key) { found = copy $0 }
      see(found, key)
    case 1:
      let wanted = (0..<die(30)).map { _ in someKey() }
      note("get \(wanted.map(\.number))")
      let found = cache.get(wanted)
      for key in Set(wanted) { see(found[key], key) }
    default:
      note("get \(key.number)")
      see(die(2) == 0 ? cache.get(key) : cache[key], key)
    }
  }

  private func set() {
    let (key, item) = (someKey(), newItem())
    let own: Duration? = [nil, nil, nil, .zero, .seconds(-3), .milliseconds(die(100_000)), .seconds(Int64.max)][die(7)]
    let pinned: Bool? = [true, false, nil][min(die(8), 2)]
    note("set \(key.number) to \(item.serial) of \(item.weight), lifetime \(own as Any), pinned \(pinned as Any)")
    let keepsPin = isSurelyThere(key) && contents[key]?.isPinned == true
    let isStored = cache.set(item, for: key, lifetime: own, pinned: pinned)
    settle(written: [key])
    expect(contents[key] == nil, "the old value of \(key) is there")
    noteStored(item, key, own: own)
    expect(isStored == (contents[key] != nil), "stored: \(isStored)")
    if isStored {
      expect(own == nil || configuration.canExpire, "a lifetime where there are none")
      if let pinned { expect(contents[key]?.isPinned == pinned, "pinned") }
      if pinned == nil, keepsPin { expect(contents[key]?.isPinned == true, "the pin has gone") }
    } else if own == nil || configuration.canExpire {
      let pinned = contents.values.reduce(0) { $0 + ($1.isPinned ? $1.units : 0) }
      let weight = cache.sizer.weigh(key, item)
      expect(weight + pinned > cache.bound.available, "refused, though \(weight) and \(pinned) pinned fit")
    }
  }

  private func setMany() {
    var values: [Name: Item] = [:]
    for _ in 0..<die(20) { values[someKey()] = newItem() }
    note("set \(values.map { "\($0.key.number) to \($0.value.serial)" })")
    let stored = cache.set(values)
    settle(written: Set(values.keys), passing: Set(values.values.map(\.serial)))
    for (key, item) in values { noteStored(item, key) }
    // Some may have made room for others.
    expect(values.count { contents[$0.key]?.serial == $0.value.serial } <= stored, "only \(stored) were stored")
  }

  private func remove() {
    let key = someKey()
    note("remove \(key.number)")
    let (before, isSurelyThere, isPossiblyThere) = (contents[key], isSurelyThere(key), isPossiblyThere(key))
    let removed = cache.remove(key)
    settle(removed: [key])
    expect(contents[key] == nil, "\(key) is there")
    guard let removed else { return expect(!isSurelyThere, "nothing is removed") }
    expect(removed.serial == before?.serial && isPossiblyThere, "\(removed.serial) is removed, \(before as Any)")
  }

  private func pin() {
    let key = someKey()
    let pinned = contents.values.reduce(0) { $0 + ($1.isPinned ? $1.units : 0) }
    // Not so much that nothing else goes in.
    let pins = die(3) > 0 && pinned < cache.bound.available / 2
    note("\(pins ? "pin" : "unpin") \(key.number)")
    let isThere = pins ? cache.pin(key) : cache.unpin(key)
    expect(isThere ? isPossiblyThere(key) : !isSurelyThere(key), "\(isThere) that there is something to pin")
    if isThere { contents[key]?.isPinned = pins }
  }

  private func resize() {
    let amount = [0, 1, 10, limit.amount / 2, limit.amount, 100_000][die(6)]
    let next: CacheLimit =
      switch limit.unit {
      case .entries: .entries(amount)
      case .weight: .weight(amount)
      case .bytes: .bytes(amount)
      }
    note("resize to \(next)")
    expect(cache.resize(to: next), "not resized")
  }

  // MARK: Loading

  private struct Failed: Error {}

  /// What is loaded in the background has been stored.
  private func quiet() async { while cache.loader.isFlying { await Task.yield() } }

  private func load() async {
    let (key, item) = (someKey(), newItem())
    // A refresh in the background is not cancelled.
    let (fails, isCancelled) = (die(6) == 0, configuration.loading.refreshAfter == nil && die(6) == 0)
    note("load \(key.number): \(item.serial), fails \(fails), is cancelled \(isCancelled)")
    let isSurelyThere = isSurelyThere(key)
    let task = Task { [cache] in
      try await cache.value(for: key) { _ in
        if isCancelled { try await Task.sleep(for: .seconds(600)) }
        if fails { throw Failed() }
        return item
      }
    }
    if isCancelled { task.cancel() }
    let result = await task.result
    await quiet()
    if case .success(let found) = result {
      expect(found === item ? !isSurelyThere : isKnown(found, key), "\(key) has \(found.serial)")
      if found !== item { used(key) }
    } else {
      expect(!isSurelyThere, "failed though it was there")
    }
    settleLoads([key], [item], mayHaveFailed: fails)
  }

  /// Values of these keys may have been loaded; where not, the refresh of those that are there may have failed.
  private func settleLoads(_ keys: [Name], _ items: [Item], mayHaveFailed: Bool) {
    settle(written: Set(keys), passing: Set(items.map(\.serial)))
    for key in keys {
      for item in items where contents[key] == nil { noteStored(item, key) }
      if mayHaveFailed, configuration.loading.staleWhileError != nil { loosen(key) }
    }
  }

  private func refresh() async {
    let (key, item) = (someKey(), newItem())
    let fails = die(3) == 0
    note("refresh \(key.number): \(item.serial), fails \(fails)")
    cache.refresh(key) { _ in if fails { throw Failed() } else { item } }
    await quiet()
    settleLoads([key], [item], mayHaveFailed: fails)
  }

  private func loadMany() async {
    var items: [Name: Item] = [:]
    for _ in 0..<die(40) { items[someKey()] = newItem() }
    let (all, other, kind) = (items, someKey(), die(5))
    // One that nobody asks for.
    let brought = newItem()
    note("load \(items.map { "\($0.key.number): \($0.value.serial)" }), \(other.number): \(brought.serial), \(kind)")
    let (before, surelyThere) = (contents, items.keys.filter(isSurelyThere))
    let found = try? await cache.values(for: Array(items.keys)) { keys in
      if kind == 0 { throw Failed() }
      var values: [Name: Item] = [:]
      for key in keys where kind != 1 || key.number % 2 == 0 { values[key] = all[key] }
      if kind == 2, all[other] == nil { values[other] = brought }
      return values
    }
    await quiet()
    expect(found != nil || kind == 0, "failed")
    if let found {
      for key in surelyThere { expect(found[key] != nil, "\(key) is not found") }
      for (key, item) in found where item !== all[key] {
        expect(isKnown(item, key), "\(key) has \(item.serial)")
      }
    }
    settleLoads(Array(items.keys) + [other], Array(items.values) + [brought], mayHaveFailed: false)
    // All were looked for, whatever came of it; what was over has gone by that.
    for key in items.keys where contents[key]?.serial == before[key]?.serial { used(key) }
  }

  // MARK: A snapshot

  private func snapshot() throws {
    note("snapshot")
    let path = NSTemporaryDirectory() + "everything-\(UInt64.random(in: 0 ... .max)).snapshot"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let before = contents
    let written = try cache.writeSnapshot(to: path)
    expect(written >= before.keys.count { isSurelyThere($0) } && written <= before.count, "\(written) are written")
    let removed = before.keys.filter { _ in die(3) == 0 }
    for key in removed { cache.remove(key) }
    settle(removed: Set(removed))
    clock.advance(by: .milliseconds(die(2000)))
    guard case .restored(let count) = cache.readSnapshot(from: path) else { return expect(false, "not restored") }
    expect(count <= written, "\(count) are restored")
    // What is over makes place for what was not when it was written.
    settle(written: Set(before.keys), passing: Set(before.values.map(\.serial)))
    for (key, entry) in before where contents[key] == nil {
      guard let item = cache.anyValue(key) else { continue }
      expect(item.serial == entry.serial, "\(key) has \(item.serial) of the snapshot")
      noteStored(item, key)
      loosen(key, earliest: .zero)
    }
  }
}

extension LocalCache {
  /// The value of a key, if only one that is over.
  fileprivate func anyValue(_ key: Key) -> Value? {
    let hash = hash(key)
    return locked(shard(for: hash)) { shard in
      let id = shard.pointee.find(key, hash: Self.high(hash))
      return id == 0 ? nil : shard.pointee.table[id].pointee.value
    }
  }
}
