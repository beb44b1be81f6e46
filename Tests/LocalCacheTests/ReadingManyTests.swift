import Foundation
import Testing

@testable import LocalCache

/// Many keys at once are what as many single look-ups are.
@Suite struct ReadingManyTests {
  private struct Row: Sendable, Equatable {
    var number: Int
    var name: String
    var parts: [Int]
  }

  private enum Part: Sendable, Equatable {
    case none
    case text(String)
    indirect case both(Part, Part)
  }

  /// A cache that is open to readers, or not yet, and one without entries are asked for keys that it has, some of them twice, and others.
  private func expectSame<Key, Value: Equatable>(
    keys: [Key], _ configure: (inout LocalCache<Key, Value>.Configuration) -> Void = { _ in }, _ make: (Int) -> Value,
    _ location: SourceLocation = #_sourceLocation
  ) {
    for looks in [0, 20_000] {
      let cache = LocalCache<Key, Value>(name: "many", limit: .entries(50_000), configure: configure)
      #expect(cache.get(keys).isEmpty, sourceLocation: location)
      for (number, key) in keys.enumerated() where number % 3 != 0 { cache.set(make(number), for: key) }
      for number in 0..<looks { _ = cache.get(keys[number % keys.count]) }
      for count in [0, 1, 2, 3, 31, 32, 33, 64, 1_000] {
        let asked = Array(keys.prefix(count)) + keys.prefix(count / 2)
        var expected: [Key: Value] = [:]
        for key in asked { expected[key] = cache.get(key) }
        let before = cache.statistics
        #expect(cache.get(asked) == expected, sourceLocation: location)
        let after = cache.statistics
        let hits = asked.count { expected[$0] != nil }
        #expect(after.hits - before.hits == UInt64(hits), sourceLocation: location)
        #expect(after.misses - before.misses == UInt64(asked.count - hits), sourceLocation: location)
      }
    }
  }

  @Test func sameAsOneByOne() {
    let numbers = (0..<1_000).map { $0 &* 0x9E37_79B9 }
    let names = numbers.map { "a key that is no small string: \($0)" }
    expectSame(keys: numbers) { $0 }
    expectSame(keys: names) { $0 }
    expectSame(keys: numbers) { "small \($0)" }
    expectSame(keys: numbers) { String(repeating: "ü", count: $0 % 50) }
    expectSame(keys: names) { [$0, $0] }
    expectSame(keys: numbers) { Row(number: $0, name: "name \($0)", parts: [$0]) }
    expectSame(keys: numbers) { $0 % 2 == 0 ? nil : "value of \($0)" }
    expectSame(keys: numbers) { $0 % 3 == 1 ? Part.none : .both(.text("a"), .text("number \($0)")) }
    expectSame(keys: names) { URL(fileURLWithPath: "/\($0)") }
    expectSame(keys: numbers.map { Optional($0) }) { UInt8(truncatingIfNeeded: $0) }
  }

  @Test(arguments: [
    CacheExpiry(afterWrite: .seconds(60)), CacheExpiry(afterAccess: .seconds(60)),
    CacheExpiry(afterWrite: .seconds(60), afterAccess: .seconds(60)),
  ])
  func sameWhereEntriesEnd(expiry: CacheExpiry) {
    let keys = Array(0..<1_000)
    expectSame(keys: keys, { $0.expiry = expiry }, { "value \($0)" })
    let clock = ManualClock()
    let cache = LocalCache<Int, [Int]>(name: "ends", limit: .entries(5_000)) {
      $0.expiry = expiry
      $0.clock = clock
    }
    for key in keys { cache.set([key], for: key) }
    clock.advance(by: .seconds(30))
    for key in keys where key % 2 == 0 { cache.set([key, 1], for: key) }
    clock.advance(by: .seconds(45))
    // The others are over.
    #expect(cache.get(keys) == Dictionary(uniqueKeysWithValues: keys.filter { $0 % 2 == 0 }.map { ($0, [$0, 1]) }))
  }

  /// The dictionary that is returned has room for what was found, not for what was asked for.
  @Test func roomForWhatIsFound() {
    let cache = LocalCache<Int, Int>(name: "room", limit: .entries(50_000))
    for key in 0..<100 { cache.set(key, for: key) }
    let found = cache.get(0..<40_000)
    #expect(found.count == 100 && found.capacity < 800)
    for key in 0..<20_000 { cache.set(key, for: key) }
    let more = cache.get(stride(from: 0, to: 40_000, by: 1))
    #expect(more.count == 20_000 && more.capacity < 60_000)
    #expect(cache.get(AnySequence(0..<500)).count == 500)
  }

  /// Values are replaced and evicted while others ask for many: each that is returned is whole, and its key's.
  @Test func besideWriters() async throws {
    let cache = LocalCache<Int, Row>(name: "beside", limit: .entries(700)) { $0.shards = 4 }
    for key in 0..<1_000 { cache.set(Row(number: 0, name: "name of \(key)", parts: [key, 0]), for: key) }
    let isOver = Locked(false)
    async let writing: Void = offThePool {
      var random = Generator(state: 7)
      while !isOver.current {
        // Long enough without a write for shards to be opened.
        for number in 0..<2_000 {
          let key = Int.random(in: 0..<1_000, using: &random)
          cache.set(Row(number: number, name: "name of \(key)", parts: [key, number]), for: key)
        }
        Thread.sleep(forTimeInterval: 0.002)
      }
    }
    let (wrong, found) = try await offThePool {
      var (wrong, found) = (0, 0)
      for _ in 0..<600 {
        for (key, row) in cache.get(0..<1_000) {
          found += 1
          if row.name != "name of \(key)" || row.parts != [key, row.number] { wrong += 1 }
        }
      }
      isOver.with { $0 = true }
      return (wrong, found)
    }
    try await writing
    #expect(wrong == 0 && found > 0)
  }

  /// A key whose comparison asks the cache for many itself reads already, and goes on.
  @Test func keysThatAskAgain() {
    struct Curious: Hashable, Sendable {
      static let cache = LocalCache<Int, String>(name: "asked", limit: .entries(100))
      let number: Int
      func hash(into hasher: inout Hasher) { hasher.combine(Self.cache.get([number, 1, 2, 3]).count * 0 + number) }
      static func == (left: Curious, right: Curious) -> Bool {
        left.number == right.number && cache.get([1, 2, 3, 4]).count == 4
      }
    }
    for key in 0..<50 { Curious.cache.set("value of \(key)", for: key) }
    let keys = (0..<200).map { Curious(number: $0) }
    let cache = LocalCache<Curious, Int>(name: "curious", limit: .entries(1_000))
    for key in keys { cache.set(key.number, for: key) }
    for _ in 0..<60 { #expect(cache.get(keys).count == 200) }
  }
}
