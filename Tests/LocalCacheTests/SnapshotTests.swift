import Foundation
import Testing

@testable import LocalCache

@Suite struct SnapshotTests {
  private func withFile(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "local-cache-\(UInt64.random(in: 0 ... .max)).snapshot"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  private func cache() -> LocalCache<Int, String> { LocalCache(name: "snapshot", limit: .entries(5000)) }

  @Test func whatWasWrittenIsThereAgain() throws {
    try withFile { path in
      let cache = cache()
      for key in 0..<1000 { cache.set("value \(key)", for: key) }
      let written = try cache.writeSnapshot(to: path)
      #expect(written == 1000)
      let next = self.cache()
      #expect(next.readSnapshot(from: path) == .restored(1000))
      #expect(next.get(77) == "value 77")
      let few = try cache.writeSnapshot(to: path, maximumEntries: 10)
      #expect(few == 10)
      let small = try cache.writeSnapshot(to: path, maximumSize: .kibibytes(1))
      #expect(small > 0 && small < 60)
    }
  }

  /// A service that answers already while it reads its snapshot.
  @Test(arguments: [false, true]) func whatIsWrittenMeanwhileIsNewer(isRemoved: Bool) throws {
    try withFile { path in
      let beforeStoring = Locked<@Sendable () -> Void>({})
      let asked = Locked(0)
      var configuration = LocalCache<Int, String>.Configuration()
      // Asked whether there is room, and then between the look for the key and the lock.
      configuration.weigher = { _, value in
        guard value == "old" else { return 1 }
        let isSecond = asked.with { count in
          count += 1
          return count == 2
        }
        if isSecond { beforeStoring.current() }
        return 1
      }
      let cache = LocalCache<Int, String>(name: "snapshot", limit: .weight(100), configuration: configuration)
      cache.set("old", for: 1)
      cache.set("other", for: 2)
      try cache.writeSnapshot(to: path)
      cache.removeAll()
      asked.with { $0 = 0 }
      beforeStoring.with { action in
        action = { [weak cache] in if isRemoved { cache?.remove(1) } else { cache?.set("new", for: 1) } }
      }
      #expect(cache.readSnapshot(from: path) == .restored(1))
      #expect(cache.get(1) == (isRemoved ? nil : "new") && cache.get(2) == "other")
      #expect(cache.loader.isFlying == false)
    }
  }

  /// Of a cache that is too large for the file, what is used and not what is there.
  @Test(arguments: [(20_000, 1), (4000, 1), (20_000, 8)])
  func whatIsMostWorthItIsWritten(limit: Int, shards: Int) throws {
    try withFile { path in
      var configuration = LocalCache<Int, Int>.Configuration()
      configuration.shards = shards
      func cache(_ limit: Int) -> LocalCache<Int, Int> {
        LocalCache(name: "worth", limit: .entries(limit), configuration: configuration)
      }
      let first = cache(limit)
      var random = Generator(state: 5)
      // Two hundred keys that are asked for all the time, among thousands that are asked for once.
      for step in 0..<200_000 {
        let key = step % 2 == 0 ? Int.random(in: 0..<200, using: &random) : 1000 + step % 19_000
        if first.get(key) == nil { first.set(key, for: key) }
      }
      // What is used as often goes by its last use.
      for key in 50_000..<50_100 { first.set(key, for: key) }
      try #require(first.count > 1000)
      let written = try first.writeSnapshot(to: path, maximumEntries: 200)
      #expect(written == 200)
      let second = cache(limit)
      #expect(second.readSnapshot(from: path) == .restored(200))
      func popular(_ cache: LocalCache<Int, Int>) -> Int { cache.get(0..<200).count }
      #expect(popular(second) >= 195, "\(popular(second))")
      // And by bytes.
      let some = try first.writeSnapshot(to: path, maximumSize: .bytes(250 * 40))
      let third = cache(limit)
      #expect(third.readSnapshot(from: path) == .restored(some))
      #expect(some < 300 && popular(third) >= min(some, 200) - 5, "\(popular(third)) of \(some)")
      // Into a cache that has room for fewer, the best of them, of which none goes for another.
      try first.writeSnapshot(to: path)
      let small = LocalCache<Int, Int>(name: "worth", limit: .entries(100))
      #expect(small.readSnapshot(from: path) == .restored(100))
      #expect(popular(small) >= 95 && small.statistics.evicted == 0, "\(popular(small))")
    }
  }

  @Test func pinnedEntriesAndThoseOfLateComeFirst() throws {
    try withFile { path in
      // In one shard the order is exact; that of several is as exact as insertions are spread over them.
      let cache = LocalCache<Int, String>(name: "snapshot", limit: .entries(5000)) { $0.shards = 1 }
      for key in 0..<1000 { cache.set("value \(key)", for: key) }
      for key in 10..<20 { cache.pin(key) }
      let written = try cache.writeSnapshot(to: path, maximumEntries: 30)
      #expect(written == 30)
      let next = self.cache()
      #expect(next.readSnapshot(from: path) == .restored(30))
      #expect(next.get(10..<20).count == 10, "pinned")
      #expect(next.get(980..<1000).count == 20, "nothing was used again, so the last to come")
    }
  }

  /// A value that does not fit into what is left keeps none out that does.
  @Test func oneLargeEntryIsNotTheEnd() throws {
    try withFile { path in
      let cache = cache()
      for key in 0..<10 { cache.set("small", for: key) }
      cache.set(String(repeating: "x", count: 100_000), for: 10)
      for _ in 0..<5 { _ = cache.get(10) }
      let written = try cache.writeSnapshot(to: path, maximumSize: .kibibytes(10))
      #expect(written == 10)
    }
  }

  @Test func damagedFilesAreIgnored() throws {
    try withFile { path in
      #expect(cache().readSnapshot(from: path) == .noSnapshot)
      let full = cache()
      for key in 0..<100 { full.set("value \(key)", for: key) }
      try full.writeSnapshot(to: path)
      let good = try Data(contentsOf: URL(fileURLWithPath: path))
      var random = Generator(state: 23)
      for _ in 0..<200 {
        var bad = good
        if Bool.random(using: &random) {
          bad = bad.prefix(Int.random(in: 0..<bad.count, using: &random))
        } else {
          bad[Int.random(in: 0..<bad.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
        }
        try bad.write(to: URL(fileURLWithPath: path))
        let cache = cache()
        switch cache.readSnapshot(from: path) {
        case .ignored: #expect(cache.count == 0)
        case .restored(let count): Issue.record("\(count) entries of a damaged file")
        case .noSnapshot: Issue.record("the file is there")
        }
      }
    }
  }

  private func value(_ start: WarmStart, isIgnoredBecause reason: String) -> Bool {
    if case .ignored(let text) = start { return text.contains(reason) }
    return false
  }

  /// What is no file of ours, has no end, or is too large.
  @Test func otherThingsInItsPlace() throws {
    try withFile { path in
      #expect(value(cache().readSnapshot(from: "/dev/zero"), isIgnoredBecause: "no file"))
      #expect(value(cache().readSnapshot(from: NSTemporaryDirectory()), isIgnoredBecause: "no file"))
      let full = cache()
      for key in 0..<1000 { full.set(String(repeating: "x", count: 100), for: key) }
      try full.writeSnapshot(to: path)
      let link = path + ".link"
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
      defer { try? FileManager.default.removeItem(atPath: link) }
      #expect(
        value(cache().readSnapshot(from: link, maximumSize: .kibibytes(10)), isIgnoredBecause: "larger than 10 KiB"))
      #expect(cache().readSnapshot(from: link, maximumSize: ByteSize(.max)) == .restored(1000))
      #expect(try full.writeSnapshot(to: path, maximumEntries: -1, maximumSize: -1) == 0)
      #expect(cache().readSnapshot(from: path, maximumSize: ByteSize(.min)) == .restored(0))
    }
  }

  /// All or nothing: the last line decides too.
  @Test func otherTypesAreNotTakenInHalf() throws {
    try withFile { path in
      let optional = LocalCache<Int, Int?>(name: "optional", limit: .entries(100))
      for key in 0..<50 { optional.set(key % 7 == 0 ? Int?.none : Int?.some(key), for: key) }
      try optional.writeSnapshot(to: path)
      let plain = LocalCache<Int, Int>(name: "plain", limit: .entries(100))
      #expect(value(plain.readSnapshot(from: path), isIgnoredBecause: "other types"))
      #expect(plain.count == 0)
    }
  }

  /// Good JSON of one type that is good JSON of another, too.
  @Test func otherTypesOfTheSameShapeAreTold() throws {
    struct Order: Codable { var id: Int }
    struct User: Codable { var name: String? }
    try withFile { path in
      let orders = LocalCache<Int, Order>(name: "orders", limit: .entries(100))
      orders.set(Order(id: 5), for: 1)
      try orders.writeSnapshot(to: path)
      let users = LocalCache<Int, User>(name: "users", limit: .entries(100))
      #expect(value(users.readSnapshot(from: path), isIgnoredBecause: "Order"))
      #expect(users.count == 0)
      let next = LocalCache<Int, Order>(name: "orders of another name", limit: .entries(100))
      #expect(next.readSnapshot(from: path) == .restored(1) && next.get(1)?.id == 5)
    }
  }

  /// What ends some time after its last use does so after a start, too.
  @Test(arguments: [Duration?.none, .seconds(1000)]) func usesPutTheEndOff(afterWrite: Duration?) throws {
    try withFile { path in
      let clock = ManualClock()
      var configuration = LocalCache<Int, Int>.Configuration()
      configuration.clock = clock
      configuration.expiry = CacheExpiry(afterWrite: afterWrite, afterAccess: .seconds(100))
      let first = LocalCache<Int, Int>(name: "uses", limit: .entries(100), configuration: configuration)
      first.set(1, for: 1)
      first.set(2, for: 2, lifetime: .seconds(100))
      clock.advance(by: .seconds(40))
      try first.writeSnapshot(to: path)
      let second = LocalCache<Int, Int>(name: "uses", limit: .entries(100), configuration: configuration)
      #expect(second.readSnapshot(from: path) == .restored(2))
      clock.advance(by: .seconds(50))
      #expect(second.get(1) == 1 && second.get(2) == 2)
      clock.advance(by: .seconds(50))
      #expect(second.get(1) == (afterWrite == nil ? 1 : nil), "its time of writing is not known any more")
      #expect(second.get(2) == nil, "it has a lifetime of its own")
      clock.advance(by: .seconds(120))
      #expect(second.get(1) == nil)
    }
  }

  @Test func whatIsNewerStaysAndWhatIsOverIsLeftOut() throws {
    try withFile { path in
      let clock = ManualClock()
      var configuration = LocalCache<Int, Double>.Configuration()
      configuration.clock = clock
      configuration.expiry.afterWrite = .seconds(1000)
      func make() -> LocalCache<Int, Double> {
        LocalCache(name: "ages", limit: .entries(100), configuration: configuration)
      }
      let first = make()
      first.set(.nan, for: 1)
      first.set(-.infinity, for: 2)
      first.set(3, for: 3, lifetime: .seconds(100))
      try first.writeSnapshot(to: path)
      let now = WallClock.milliseconds() / 1000
      let second = make()
      second.set(5, for: 2)
      #expect(second.readSnapshot(from: path, at: now + 500) == .restored(1))
      #expect(second.get(1)?.isNaN == true && second.get(2) == 5 && second.get(3) == nil)
      // Half of its life was spent in the file.
      clock.advance(by: .seconds(520))
      #expect(second.get(1) == nil)
      #expect(make().readSnapshot(from: path, at: now - 5000) == .restored(3))
      #expect(make().readSnapshot(from: path, at: .max) == .restored(0))
    }
  }
}
