import Foundation
import Testing

@testable import LocalCache

@Suite struct RemoteEnvelopeTests {
  private let envelope = RemoteEnvelope(
    version: 7, deadline: 1_764_000_000_123, loadMicroseconds: 15_000, payload: Array("{\"a\":1}".utf8))

  @Test func whatIsWrittenIsRead() {
    #expect(RemoteEnvelope.read(envelope.bytes, version: 7) == .value(envelope))
    var none = envelope
    none.payload = nil
    #expect(RemoteEnvelope.read(none.bytes, version: 7) == .value(none))
    none.payload = []
    #expect(RemoteEnvelope.read(none.bytes, version: 7) == .value(none), "an empty value is a value")
    #expect(RemoteEnvelope.read(envelope.bytes, version: 8) == .otherVersion)
  }

  /// Every changed bit, every length, and noise.
  @Test func damageIsGarbage() {
    let bytes = envelope.bytes
    for index in bytes.indices {
      for bit in 0..<8 {
        var damaged = bytes
        damaged[index] ^= 1 << UInt8(bit)
        #expect(RemoteEnvelope.read(damaged, version: 7) == .garbage)
      }
    }
    for length in 0..<bytes.count {
      #expect(RemoteEnvelope.read(Array(bytes.prefix(length)), version: 7) == .garbage)
    }
    var random = Generator(state: 1)
    for _ in 0..<2000 {
      var noise = (0..<Int.random(in: 0...80, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      if Bool.random(using: &random) { noise = RemoteEnvelope.magic + noise }
      #expect(RemoteEnvelope.read(noise, version: 7) == .garbage)
    }
  }

  /// The bytes are written down in docs/local-cache-tiers.md, and other programs may read them.
  @Test func theLayoutIsTheDocumentedOne() {
    let bytes = RemoteEnvelope(version: 258, deadline: 1, loadMicroseconds: 3, payload: [0xAB]).bytes
    #expect(Array(bytes[0..<24]) == [0x4C, 0x43, 0x45, 1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0])
    #expect(bytes.count == 33 && bytes[32] == 0xAB)
  }
}

@Suite struct EarlyRefreshTests {
  /// The chance of a refresh at a time t before the end is exp(-t / (load * beta)).
  @Test(arguments: [(remaining: 1000.0, chance: 0.368), (2000, 0.135), (3000, 0.0498)])
  func theChanceGrowsTowardsTheEnd(_ row: (remaining: Double, chance: Double)) {
    var random = Generator(state: 3)
    let due = (0..<100_000).filter { _ in
      EarlyRefresh.isDue(remaining: row.remaining, load: 1000, eagerness: 1, random: .random(in: 0..<1, using: &random))
    }
    #expect(abs(Double(due.count) / 100_000 - row.chance) < 0.006)
  }

  @Test func aRefreshIsDueAtTheEndAndNeverWithoutEagerness() {
    #expect(EarlyRefresh.isDue(remaining: 0, load: 1, eagerness: 1, random: 0.9))
    #expect(!EarlyRefresh.isDue(remaining: 1, load: 1000, eagerness: 0, random: 0.0001))
    #expect(
      !EarlyRefresh.isDue(remaining: -1, load: 0, eagerness: 1, random: 0.5), "a load that takes no time can wait")
    #expect(!EarlyRefresh.isDue(remaining: 1e12, load: 1000, eagerness: 1, random: 0))
  }
}

@Suite struct CircuitBreakerTests {
  private var settings: BreakerSettings {
    var settings = BreakerSettings()
    settings.failures = 3
    settings.pause = .seconds(1)
    settings.longestPause = .seconds(4)
    return settings
  }

  @Test func opensAfterFailuresInARow() {
    let breaker = CircuitBreaker(settings)
    for _ in 0..<2 { breaker.failed() }
    #expect(breaker.permit() == .ask)
    breaker.failed()
    #expect(breaker.isOpen && breaker.permit() == .skip)
  }

  /// One call of ten without an answer is lived with; one of three is not.
  @Test(arguments: [(every: 10, opens: false), (every: 3, opens: true)])
  func opensByTheShareOfFailures(_ row: (every: Int, opens: Bool)) {
    let breaker = CircuitBreaker(settings)
    for call in 0..<1000 where !breaker.isOpen {
      if call % row.every == 0 { breaker.failed() } else { breaker.succeeded() }
    }
    #expect(breaker.isOpen == row.opens)
  }

  @Test func oneProbeAfterEachPause() {
    let breaker = CircuitBreaker(settings)
    var now = ContinuousClock.now
    for _ in 0..<3 { breaker.failed(at: now) }
    // Pauses of 1, 2, 4, 4 seconds, within a quarter.
    for pause in [1.0, 2, 4, 4] {
      let least = pause < 4 ? pause * 0.74 : 2.9
      #expect(breaker.permit(at: now + .seconds(least)) == .skip)
      now += .seconds(min(pause * 1.26, 4.01))
      #expect(breaker.permit(at: now) == .skipAndProbe)
      #expect(breaker.permit(at: now) == .skip, "one is enough")
      // A call from before that fails now says nothing new.
      breaker.failed(at: now)
      #expect(breaker.permit(at: now) == .skip)
      breaker.failed(isProbe: true, at: now)
    }
    now += .seconds(5)
    #expect(breaker.permit(at: now) == .skipAndProbe)
    #expect(breaker.succeeded())
    #expect(breaker.permit(at: now) == .ask && !breaker.succeeded())
  }
}

@Suite struct InvalidationStampsTests {
  /// A load that takes long, of a key that others write all the time: no number of changes looks like none.
  @Test(arguments: [1, 1 << 8, 1 << 16, 3 << 16])
  func noNumberOfChangesIsTakenForNone(count: Int) {
    let stamps = InvalidationStamps(places: 1)
    let stamp = stamps.stamp()
    #expect(stamps.isSurelyUnchanged(7, since: stamp))
    for _ in 0..<count { stamps.changed(7) }
    #expect(!stamps.isUnchanged(7, since: stamp) && !stamps.isSurelyUnchanged(7, since: stamp))
    #expect(stamps.isSurelyUnchanged(7, since: stamps.stamp()))
    let later = stamps.stamp()
    for _ in 0..<count { stamps.mayHaveMissed() }
    #expect(stamps.isUnchanged(7, since: later) && !stamps.isSurelyUnchanged(7, since: later))
  }

  /// Changes before a stamp stay before it, wherever the halves of their numbers stand.
  @Test(arguments: [0, 1, 1 << 31, 1 << 32 - 2, 1 << 32, 5 << 32 - 1] as [UInt64])
  func halvesOfNumbersAreCompletedRightly(count: UInt64) {
    let stamps = InvalidationStamps(places: 4, count: count)
    stamps.changed(0)
    stamps.changed(1)
    stamps.mayHaveMissed()
    let stamp = stamps.stamp()
    stamps.changed(2)
    stamps.changed(1)
    for key in [0, 3] { #expect(stamps.isSurelyUnchanged(key, since: stamp)) }
    for key in [1, 2] { #expect(!stamps.isUnchanged(key, since: stamp)) }
  }
}

@Suite struct TierNameTests {
  private struct UserID: RawRepresentable, Hashable, Sendable { let rawValue: Int }

  @Test func keysOfManyTypesHaveNames() throws {
    let user = RemoteKeyCoding<UserID>.rawValue
    #expect(user.encode(UserID(rawValue: -7)) == "-7" && user.decode("-7") == UserID(rawValue: -7))
    #expect(user.decode("seven") == nil)
    let id = UUID()
    let unique = RemoteKeyCoding<UUID>.uuidString
    #expect(unique.decode(unique.encode(id)) == id && unique.decode("probe") == nil)
    let settings = TieredConfiguration<UserID, [String]>(keys: .rawValue, values: .json())
    #expect(settings.keys.encode(UserID(rawValue: 1)) == "1")
    let numbers = RemoteValueCoding<[Double]>.json()
    let back = try numbers.decode(try numbers.encode([1.5, .infinity, -.infinity, .nan]))
    #expect(back[..<3] == [1.5, .infinity, -.infinity] && back[3].isNaN, "\(back)")
  }

  @Test func noPrefixBeginsWithAnother() {
    let prefixes = ["a", "a:b", "a%3Ab", "", "a:", "b", "~lease"].map { TieredCache<Int, Int>.prefix($0) }
    for (index, left) in prefixes.enumerated() {
      for (other, right) in prefixes.enumerated() where index != other { #expect(!left.hasPrefix(right)) }
      #expect(!left.hasPrefix("~lease:"))
    }
  }
}
