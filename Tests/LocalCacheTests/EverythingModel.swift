import Foundation
import Testing

@testable import LocalCache

/// What a cache holds that one caller uses in every way: what was stored, less what the listener was told of.
///
/// Who is evicted is not foretold, only whether it may be. Of each entry the model knows until when it lives at least, and from when on it is over.
final class EverythingModel {
  struct Name: Hashable, Sendable, Codable {
    let number: Int
    /// Of the number, those that are hashed.
    let hashedBits: Int
    func hash(into hasher: inout Hasher) { hasher.combine(number & hashedBits) }
    static func == (left: Name, right: Name) -> Bool { left.number == right.number }
  }

  final class Item: Sendable, Codable, MemorySized {
    let serial: Int
    let weight: Int
    var heapBytes: Int { weight }

    init(serial: Int, weight: Int) { (self.serial, self.weight) = (serial, weight) }
  }

  struct Entry {
    var serial: Int
    var units: UInt64
    var isPinned = false
    var written: Duration
    var earliest: Duration
    var latest: Duration
    /// No use prolongs its life, as far as is known.
    var isFixed: Bool
  }

  struct Event: Sendable {
    let key: Name
    let serial: Int
    let cause: RemovalCause
  }

  typealias Cache = LocalCache<Name, Item>
  static let never = Duration.seconds(1 << 40)

  let seed: Int
  var random: Generator
  let clock = ManualClock()
  let configuration: Cache.Configuration
  let limit: CacheLimit
  let cache: Cache
  let keys: Int
  let hashedBits: Int
  var contents: [Name: Entry] = [:]
  private let events: Locked<[Event]>
  private var counts: [RemovalCause: UInt64] = [:]
  private var serial = 0
  private var failures = 0
  /// What was done last, for who looks into a failure.
  private var log: [String] = []

  init(seed: Int) {
    self.seed = seed
    var random = Generator(state: UInt64(seed) &* 77)
    func one<Choice>(of choices: [Choice]) -> Choice { choices[Int.random(in: choices.indices, using: &random)] }
    keys = one(of: [3, 20, 200, 2000])
    hashedBits = one(of: [0, 3, -1, -1, -1])
    let entries = one(of: [0, 1, 5, 50, 300, 5000, 40_000])
    limit = one(of: [.entries(entries), .weight(entries * 8), .weight(.max), .bytes(entries * 300)])
    var configuration = Cache.Configuration()
    configuration.clock = clock
    configuration.shards = one(of: [nil, 1, 2, 16, 256])
    let lifetime = Duration.milliseconds(one(of: [50, 3000, 60_000, 4_000_000]))
    configuration.expiry = one(of: [
      CacheExpiry(), CacheExpiry(perEntry: true), CacheExpiry(afterWrite: lifetime), CacheExpiry(afterAccess: lifetime),
      CacheExpiry(afterWrite: lifetime * 3, afterAccess: lifetime),
    ])
    configuration.expiry.jitter = one(of: [0, 0, 0, 0.1, 1, 7, -1])
    configuration.loading.refreshAfter = one(of: [nil, lifetime / 2])
    configuration.loading.staleWhileError = one(of: [nil, lifetime * 2])
    configuration.loading.failureLifetime = one(of: [nil, nil, .seconds(1)])
    configuration.loading.batchSize = one(of: [-1, 1, 7, 200])
    configuration.isObserved = one(of: [true, true, false])
    configuration.weigher = { _, item in item.weight }
    let events = Locked([Event]())
    self.events = events
    configuration.removalListener = { key, item, cause in
      events.with { $0.append(Event(key: key, serial: item.serial, cause: cause)) }
    }
    if one(of: [true, false, false]) {
      configuration.mutationCheck = .init(
        fingerprint: { $0.serial }, report: { Issue.record("\($0) is said to have been changed") })
    }
    self.configuration = configuration
    cache = Cache(name: "everything \(seed)", limit: limit, configuration: configuration)
    self.random = random
  }

  // MARK: Choosing

  var now: Duration { clock.now.offset }
  func die(_ sides: Int) -> Int { Int.random(in: 0..<max(1, sides), using: &random) }

  /// Some are popular.
  func someKey() -> Name { Name(number: die(die(2) == 0 ? keys : keys / 10), hashedBits: hashedBits) }

  func newItem() -> Item {
    serial += 1
    let weight = [0, -5, limit.amount, limit.amount / 3, .max, die(20)][min(die(40), 5)]
    return Item(serial: serial, weight: weight)
  }

  func note(_ words: @autoclosure () -> String) {
    log.append(words())
    if log.count > 64 { log.removeFirst(32) }
  }

  func expect(_ isTrue: Bool, _ words: @autoclosure () -> String, line: Int = #line) {
    guard !isTrue, failures < 3 else { return }
    failures += 1
    Issue.record("seed \(seed), line \(line), time \(now): \(words())\n\(log.suffix(16).joined(separator: "\n"))")
  }

  // MARK: Times

  private var slack: Duration { cache.time.duration(ticks: 4) }
  private var jitter: Double { min(max(configuration.expiry.jitter, 0), 1) }

  /// From when to when an entry ends that is written now.
  private func ends(own: Duration?) -> (earliest: Duration, latest: Duration, isFixed: Bool) {
    let (write, access) = (configuration.expiry.afterWrite, configuration.expiry.afterAccess)
    guard configuration.canExpire, let shortest = own ?? [write, access].compactMap({ $0 }).min() else {
      return (Self.never, Self.never, true)
    }
    let longest = cache.time.duration(ticks: UInt64(UInt32.max) / 4)
    let length = min(max(shortest, .milliseconds(1)), longest)
    let late = own == nil ? min(write ?? Self.never, access.map { $0 + $0 / 64 } ?? Self.never) : length
    return (now + length * (1 - jitter) - slack, now + late + slack, own != nil)
  }

  /// An entry was used, or may have been.
  func used(_ key: Name) {
    guard let entry = contents[key], !entry.isFixed, let access = configuration.expiry.afterAccess else { return }
    var (earliest, latest) = (now + access - slack, now + access + access / 64 + slack)
    if let write = configuration.expiry.afterWrite {
      earliest = min(earliest, entry.written + write * (1 - jitter) - slack)
      latest = min(latest, entry.written + write + slack)
    }
    contents[key]?.earliest = max(entry.earliest, earliest)
    contents[key]?.latest = max(entry.latest, latest)
  }

  /// Its refresh failed, or it comes from a snapshot: it ends at some other time, which is not reckoned.
  func loosen(_ key: Name, earliest: Duration? = nil) {
    guard configuration.canExpire, contents[key] != nil else { return }
    if let earliest { contents[key]?.earliest = earliest }
    contents[key]?.latest = Self.never
    contents[key]?.isFixed = true
  }

  func isSurelyThere(_ key: Name) -> Bool { contents[key].map { now < $0.earliest } ?? false }
  func isPossiblyThere(_ key: Name) -> Bool { contents[key].map { now < $0.latest } ?? false }

  // MARK: What has become of entries

  /// Takes out what the listener was told of.
  ///
  /// - Parameters:
  ///   - written: keys that have been written since the last time, whose values may have been replaced.
  ///   - removed: keys that have been removed; nil for all.
  ///   - passing: numbers of items that may have come and gone since.
  func settle(written: Set<Name> = [], removed: Set<Name>? = [], passing: Set<Int> = []) {
    for event in takeEvents() {
      counts[event.cause, default: 0] += 1
      guard let entry = contents[event.key], entry.serial == event.serial else {
        expect(passing.contains(event.serial), "nothing is known of \(event)")
        continue
      }
      contents[event.key] = nil
      switch event.cause {
      case .expired: expect(now >= entry.earliest, "\(event) before its time, \(entry)")
      case .size: expect(!entry.isPinned, "\(event) though it was pinned")
      case .replaced, .refused: expect(written.contains(event.key), "\(event)")
      case .explicit: expect(removed?.contains(event.key) ?? true, "\(event)")
      }
    }
  }

  private func takeEvents() -> [Event] {
    events.with { all in
      defer { all = [] }
      return all
    }
  }

  /// Whether this is the value of the key, or was until a moment ago.
  func isKnown(_ item: Item, _ key: Name) -> Bool {
    contents[key]?.serial == item.serial
      || events.current.contains { $0.key == key && $0.serial == item.serial }
  }

  /// An item was stored, if it is there.
  func noteStored(_ item: Item, _ key: Name, own: Duration? = nil) {
    guard cache.holds(item, key) else { return }
    expect(contents[key] == nil, "\(key) has \(item.serial) without a word of what it had")
    let (earliest, latest, isFixed) = ends(own: own)
    contents[key] = Entry(
      serial: item.serial, units: cache.sizer.weigh(key, item), isPinned: cache.isPinned(key), written: now,
      earliest: earliest, latest: latest, isFixed: isFixed)
  }

  /// A look-up has found this, or nothing.
  func see(_ found: Item?, _ key: Name) {
    settle()
    guard let found else {
      return expect(!isSurelyThere(key), "\(key) is not found, \(String(describing: contents[key]))")
    }
    expect(contents[key]?.serial == found.serial, "\(key) has \(found.serial), \(String(describing: contents[key]))")
    expect(isPossiblyThere(key), "\(key) is over, \(String(describing: contents[key]))")
    used(key)
  }

  /// Counts, sums and bounds.
  func check() {
    settle()
    let policies = (0...cache.shardMask).map { index in
      cache.locked(cache.shard(at: index)) {
        ($0.pointee.policy.weight, $0.pointee.policy.pinnedWeight, $0.pointee.policy.maximum)
      }
    }
    let (weight, pinned) = (policies.reduce(0) { $0 + $1.0 }, policies.reduce(0) { $0 + $1.1 })
    expect(weight == contents.values.reduce(0) { $0 + $1.units }, "they weigh \(weight)")
    expect(pinned == contents.values.reduce(0) { $0 + ($1.isPinned ? $1.units : 0) }, "pinned ones weigh \(pinned)")
    expect(weight <= max(cache.bound.maximum, pinned), "\(weight) of \(cache.bound.maximum), \(pinned) pinned")
    expect(policies.reduce(0) { $0 + $1.2 } <= cache.bound.maximum, "the shares are more than the limit")
    let statistics = cache.statistics
    expect(statistics.entries == contents.count, "\(statistics.entries) entries, and not \(contents.count)")
    expect(statistics.evicted == counts[.size, default: 0], "\(statistics.evicted) evicted, \(counts)")
    expect(statistics.expired == counts[.expired, default: 0], "\(statistics.expired) expired, \(counts)")
    expect(statistics.removed == counts[.explicit, default: 0], "\(statistics.removed) removed, \(counts)")
  }
}

extension LocalCache where Value: AnyObject {
  /// Whether this is the value of a key, if only one that is over.
  fileprivate func holds(_ value: Value, _ key: Key) -> Bool {
    let hash = hash(key)
    return locked(shard(for: hash)) { shard in
      let id = shard.pointee.find(key, hash: Self.high(hash))
      return id != 0 && shard.pointee.table[id].pointee.value === value
    }
  }

  fileprivate func isPinned(_ key: Key) -> Bool {
    let hash = hash(key)
    return locked(shard(for: hash)) { shard in
      let id = shard.pointee.find(key, hash: Self.high(hash))
      return id != 0 && shard.pointee.policy.isPinned(id)
    }
  }
}
