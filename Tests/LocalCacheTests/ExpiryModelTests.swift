import Testing

@testable import LocalCache

/// Lifetimes of all kinds beside a model that knows for each key until when it lives at least, and from when on it must be gone.
///
/// One shard, whose groups are full, half empty, or of keys that came later; clocks that stand, go on, jump past all numbers of ticks, and go back.
@Suite struct ExpiryModelTests {
  struct Kind: Sendable, CustomTestStringConvertible {
    var name: String
    var expiry: CacheExpiry
    var limit = 1_000_000
    var testDescription: String { name }
  }

  static let kinds = [
    Kind(name: "after write", expiry: CacheExpiry(afterWrite: .seconds(300))),
    Kind(name: "after access", expiry: CacheExpiry(afterAccess: .seconds(300))),
    Kind(name: "both", expiry: CacheExpiry(afterWrite: .seconds(2000), afterAccess: .seconds(200))),
    Kind(name: "own alone", expiry: CacheExpiry(perEntry: true)),
    Kind(name: "jitter", expiry: CacheExpiry(afterWrite: .seconds(500), jitter: 0.7)),
    Kind(name: "jitter, access", expiry: CacheExpiry(afterAccess: .seconds(500), jitter: 0.3)),
    Kind(name: "short", expiry: CacheExpiry(afterWrite: .milliseconds(1500))),
    Kind(name: "evicting", expiry: CacheExpiry(afterWrite: .seconds(300), afterAccess: .seconds(200)), limit: 150),
    Kind(name: "evicting, jitter", expiry: CacheExpiry(afterWrite: .seconds(300), jitter: 0.5), limit: 150),
  ]

  /// From when to when an entry may end, and its settings.
  struct Life {
    var value: Int
    var written: Duration
    var least: Duration?
    var greatest: Duration?
    var isFixed: Bool
  }

  @Test(arguments: kinds, 0..<3)
  func randomOperations(kind: Kind, seed: Int) {
    var random = Generator(state: UInt64(seed * 7919 + 1))
    let clock = ManualClock()
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.clock = clock
    configuration.expiry = kind.expiry
    configuration.shards = 1
    let evicted = Locked<[Int]>([])
    configuration.removalListener = { key, _, cause in if cause == .size { evicted.with { $0.append(key) } } }
    let cache = LocalCache<Int, Int>(name: "model", limit: .entries(kind.limit), configuration: configuration)
    var model: [Int: Life] = [:]
    var now = Duration.zero
    var latest = Duration.zero
    // Ticks are a little longer than a millisecond, and lifetimes one or two of them longer than asked for.
    let slack = Duration.milliseconds(5)

    func prolong(_ life: inout Life) {
      guard !life.isFixed, let access = kind.expiry.afterAccess else { return }
      let bound = kind.expiry.afterWrite.map { life.written + $0 }
      let least = bound.map { min($0, now + access) } ?? now + access
      let greatest = bound.map { min($0, now + access + access / 128) } ?? now + access + access / 128
      life.least = max(life.least ?? least, least)
      life.greatest = max(life.greatest ?? greatest, greatest)
    }
    func mayLive(_ life: Life) -> Bool { life.greatest.map { now <= $0 + slack } ?? true }
    func mustLive(_ life: Life) -> Bool { life.least.map { now < $0 } ?? true }

    func pass(_ pause: Duration) {
      clock.advance(by: pause)
      now += pause
      latest = max(latest, now)
      // What may be over may be gone, also if the clock goes back later.
      for key in model.keys where !mustLive(model[key]!) { model[key]!.least = .zero }
    }

    for step in 0..<6000 {
      for key in evicted.with({ keys in
        defer { keys = [] }
        return keys
      }) { model[key] = nil }
      let key = Int.random(in: 0..<400, using: &random)
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<50:
        let own = step % 5 == 0 ? Duration.milliseconds(Int.random(in: 1...900_000, using: &random)) : nil
        cache.set(step, for: key, lifetime: own, pinned: step % 40 == 0)
        var life = Life(value: step, written: now, isFixed: own != nil)
        let whole = own ?? [kind.expiry.afterWrite, kind.expiry.afterAccess].compactMap { $0 }.min()
        if let whole {
          let isOfAccess = own == nil && whole == kind.expiry.afterAccess
          life.least = now + whole * (1 - kind.expiry.jitter)
          life.greatest = now + (isOfAccess ? whole + whole / 128 : whole)
        }
        model[key] = life
      case 50..<75:
        let value = cache.get(key)
        if let value {
          #expect(value == model[key]?.value && mayLive(model[key]!), "\(step)")
          model[key].map { life in
            var life = life
            prolong(&life)
            model[key] = life
          }
        } else {
          #expect(model[key].map { !mustLive($0) } ?? true, "\(step)")
          model[key] = nil
        }
      case 75..<85:
        cache.remove(key)
        model[key] = nil
      case 85 where step % 9 == 0:
        cache.removeAll()
        model = [:]
      case 86..<92:
        cache.removeExpired()
        let living = model.values.filter(mustLive).count
        #expect(cache.count >= living, "\(step)")
        // A clock that was set back has to be where it was before anything is over again.
        if latest > now { pass(latest - now + .milliseconds(3)) }
        cache.removeExpired()
        model = model.filter { mayLive($0.value) }
        #expect(cache.count <= model.count, "\(step): \(cache.count) \(model.count)")
      case 92 where seed == 1 && step % 5 == 0:
        // Numbers of ticks run out, or all but.
        pass(.seconds(Int.random(in: 2_000_000...5_000_000, using: &random)))
      case 93 where seed == 2:
        pass(.zero - min(now, .seconds(Int.random(in: 1...100, using: &random))))
      default:
        pass(.milliseconds(Int.random(in: 0...Int.random(in: 1...20_000, using: &random), using: &random)))
      }
    }
    pass(latest - now + .seconds(5000))
    cache.removeExpired()
    model = model.filter { mayLive($0.value) }
    #expect(cache.count <= model.count)
  }

  /// Writes alone remove what is over, also where every entry of a group has an end of its own.
  @Test(arguments: [0, 0.1, 1])
  func writesKeepUp(jitter: Double) {
    let clock = ManualClock()
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.clock = clock
    configuration.expiry = CacheExpiry(afterWrite: .seconds(60), jitter: jitter)
    configuration.shards = 1
    let cache = LocalCache<Int, Int>(name: "churn", limit: .entries(100_000), configuration: configuration)
    for key in 0..<18_000 {
      cache.set(key, for: key)
      clock.advance(by: .milliseconds(10))
    }
    // A hundred a second; an entry is found four seconds after its end at the latest.
    let living = 6000 * (1 - jitter / 2)
    #expect(Double(cache.count) > living * 0.9 && Double(cache.count) < living * 1.05 + 400)
  }

  /// Ticks are counted anew after 26 days; entries that live meanwhile keep their ages and ends.
  @Test func numbersOfTicksRunOut() throws {
    let clock = ManualClock()
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.clock = clock
    configuration.expiry = CacheExpiry(afterWrite: .seconds(100), afterAccess: .seconds(60))
    configuration.shards = 1
    let cache = LocalCache<Int, Int>(name: "ticks", limit: .entries(10_000), configuration: configuration)
    clock.advance(by: .milliseconds(2_251_799_813 - 150_000))
    for second in 0..<300 {
      cache.set(second, for: second)
      if second >= 50 { #expect(cache.get(second - 50) == second - 50) }
      if second >= 150 {
        // Alive because it was used, and not longer than it may be.
        #expect(cache.contains(second - 90) && !cache.contains(second - 101))
        let age = try #require(cache.age(of: second - 30))
        #expect(age > .milliseconds(29_990) && age < .milliseconds(30_010))
      }
      clock.advance(by: .seconds(1))
    }
    cache.removeExpired()
    #expect(cache.count == 99 || cache.count == 100)
  }

  /// What ends first in a group is found whatever is written to it later, and wherever its time lies among the lists.
  @Test func wheelFindsEveryGroupInTime() {
    var random = Generator(state: 11)
    var wheel = TimerWheel()
    var dues: [UInt32: UInt32] = [:]
    var now: UInt32 = 0
    for _ in 0..<40_000 {
      if Bool.random(using: &random) {
        let id = NodePool.reserved + UInt32.random(in: 0..<5000, using: &random)
        let deadline = now + 1 + UInt32.random(in: 0...(1 << UInt32.random(in: 0...30, using: &random)), using: &random)
        let group = id >> TimerWheel.groupShift
        let isCovered = dues[group].map { $0 >> 11 <= deadline >> 11 } ?? false
        #expect(wheel.covers(id, deadline) == isCovered)
        if !isCovered {
          wheel.schedule(id, deadline, now: now)
          dues[group] = deadline
        }
      } else {
        let step = UInt32.random(in: 0...(1 << UInt32.random(in: 0...20, using: &random)), using: &random)
        now += min(step, 1 << 31 - now)
        let withPresent = Bool.random(using: &random)
        wheel.advance(to: now, withPresent: withPresent)
        // Some at a time, as writers do it; in between others are found.
        repeat {
          var budget = 7
          while let group = wheel.takeDue(&budget) {
            let due = dues.removeValue(forKey: group.lowerBound >> TimerWheel.groupShift)
            #expect(due.map { $0 >> 11 <= now >> 11 } ?? false && group.count == 16)
          }
        } while wheel.hasReady
        #expect(!dues.values.contains { withPresent ? $0 <= now : $0 >> 11 < now >> 11 })
      }
      #expect(wheel.count == dues.count)
    }
  }
}
