import Foundation
import Testing

@testable import LocalCache

/// Values of one word take each other's place while others read.
@Suite struct WholeValueTests {
  private enum Colour: UInt8 { case red, green }
  private struct Celsius { let degrees: Float }
  private struct Halves { let low: UInt32, high: UInt32 }

  @Test func whatIsWhole() {
    #expect(WholeValue<Int>.isWhole && WholeValue<Double>.isWhole && WholeValue<Bool>.isWhole)
    #expect(WholeValue<Int16>.isWhole && WholeValue<Colour>.isWhole && WholeValue<Celsius>.isWhole)
    #expect(WholeValue<Date>.isWhole && WholeValue<UnsafeRawPointer>.isWhole)
    // Of several words, without an alignment that keeps it in one, with an end, or nothing at all.
    #expect(!WholeValue<Int?>.isWhole && !WholeValue<SIMD2<Int>>.isWhole && !WholeValue<(Int, Int)>.isWhole)
    #expect(!WholeValue<Halves>.isWhole && !WholeValue<Void>.isWhole)
    #expect(!WholeValue<String>.isWhole && !WholeValue<[Int]>.isWhole && !WholeValue<Locked<Int>>.isWhole)
  }

  @Test func copiesAreEqual() {
    func isKept<Value: Equatable>(_ value: Value, insteadOf old: Value) -> Bool {
      let place = UnsafeMutablePointer<Value>.allocate(capacity: 1)
      defer { place.deallocate() }
      place.initialize(to: old)
      guard WholeValue.load(place) == old else { return false }
      WholeValue.replace(place, by: value)
      return WholeValue.load(place) == value && place.pointee == value
    }
    #expect(isKept(-3.25, insteadOf: 7) && isKept(Int.min, insteadOf: -1) && isKept(UInt32.max, insteadOf: 0))
    #expect(isKept(Int16(-2), insteadOf: 255) && isKept(true, insteadOf: false))
    #expect(isKept(Colour.green, insteadOf: .red))
  }

  @Test func placeOfTheValue() {
    func isRight<Key, Value>(_: Key.Type, _: Value.Type) -> Bool {
      typealias Record = EntryTable<Key, Value>.Record
      return EntryTable<Key, Value>.valueOffset == MemoryLayout<Record>.offset(of: \Record.value)
    }
    #expect(isRight(Int.self, Int.self) && isRight(UInt8.self, Int32.self) && isRight(Int?.self, UInt16.self))
    #expect(isRight(String.self, Bool.self) && isRight(UInt8.self, SIMD4<Float>.self) && isRight(Void.self, Int.self))
  }

  private func isOpen<Key, Value>(_ cache: LocalCache<Key, Value>) -> Bool { cache.shard(at: 0).pointee.lock.isOpen }

  /// A cache of one shard that is open to readers; so large that it has cells for as many threads as other tests run meanwhile.
  private func openCache<Value: Sendable>(
    _ value: Value, _ change: (inout LocalCache<Int, Value>.Configuration) -> Void = { _ in }
  ) -> LocalCache<Int, Value> {
    var configuration = LocalCache<Int, Value>.Configuration()
    configuration.shards = 1
    change(&configuration)
    let cache = LocalCache<Int, Value>(name: "whole", limit: .entries(10_000), configuration: configuration)
    cache.set(value, for: 1)
    for _ in 0..<64 { _ = cache.get(1) }
    return cache
  }

  @Test func aReaderIsNotWaitedFor() {
    let cache = openCache(1)
    #expect(isOpen(cache))
    let isWritten = DispatchSemaphore(value: 0)
    let seen = cache.withValue(for: 1) { value in
      Thread.detachNewThread {
        cache.set(2, for: 1)
        isWritten.signal()
      }
      // A closed shard would wait for this closure.
      #expect(isWritten.wait(timeout: .now() + 20) == .success)
      return value
    }
    #expect(seen == 1, "what was lent stays what it was")
    #expect(cache.get(1) == 2 && isOpen(cache))
    let statistics = cache.statistics
    #expect(statistics.replaced == 1 && statistics.insertions == 1 && cache.count == 1)
  }

  @Test func everythingElseClosesTheShard() {
    let words = openCache("a")
    words.set("b", for: 1)
    #expect(!isOpen(words) && words.get(1) == "b")
    let pinned = openCache(1)
    pinned.set(2, for: 1, pinned: true)
    #expect(!isOpen(pinned) && pinned.get(1) == 2)
    let new = openCache(1)
    new.set(2, for: 2)
    #expect(!isOpen(new) && new.get(2) == 2 && new.get(1) == 1)
    let weighed = LocalCache<Int, Int>(name: "weighed", limit: .weight(100)) {
      $0.shards = 1
      $0.weigher = { _, value in value }
    }
    weighed.set(10, for: 1)
    for _ in 0..<64 { _ = weighed.get(1) }
    weighed.set(20, for: 1)
    #expect(!isOpen(weighed) && weighed.get(1) == 20 && weighed.weight == 20)
  }

  @Test func whoListensIsTold() {
    let told = Locked<[Int]>([])
    let cache = openCache(1) { configuration in
      configuration.removalListener = { _, value, cause in
        if cause == .replaced { told.with { $0.append(value) } }
      }
    }
    cache.set(2, for: 1)
    cache.set(3, for: 1)
    #expect(told.current == [1, 2] && cache.get(1) == 3)
  }

  /// A new value begins a new life, in a shard that stays open.
  @Test func lifeBeginsAnew() {
    let clock = ManualClock()
    let cache = openCache(1) {
      $0.clock = clock
      $0.expiry.afterWrite = .seconds(100)
    }
    #expect(isOpen(cache))
    clock.advance(by: .seconds(60))
    // The first one after so long looks for what is over, too.
    cache.set(0, for: 1)
    for _ in 0..<64 { _ = cache.get(1) }
    cache.set(2, for: 1)
    #expect(isOpen(cache))
    clock.advance(by: .seconds(60))
    #expect(cache.get(1) == 2)
    clock.advance(by: .seconds(50))
    #expect(cache.get(1) == nil)
    // What is over is no longer there to be replaced.
    for _ in 0..<64 { _ = cache.get(1) }
    cache.set(3, for: 1)
    #expect(cache.get(1) == 3)
    #expect(cache.statistics.expired == 1 && cache.statistics.insertions == 2 && cache.statistics.replaced == 2)
    cache.removeExpired()
    #expect(cache.count == 1)
    clock.advance(by: .seconds(200))
    cache.removeExpired()
    #expect(cache.count == 0)
  }

  /// A lifetime of its own is one of the old value, not of the new one.
  @Test func lifetimesOfTheirOwnEnd() {
    let clock = ManualClock()
    let cache = openCache(1) {
      $0.clock = clock
      $0.expiry.afterWrite = .seconds(100)
    }
    cache.set(2, for: 1, lifetime: .seconds(1000))
    for _ in 0..<64 { _ = cache.get(1) }
    cache.set(3, for: 1)
    clock.advance(by: .seconds(101))
    #expect(cache.get(1) == nil)
  }

  /// Two that write and two that read: nobody finds what was not written, and what came last stays.
  @Test func nobodyFindsWhatWasNotWritten() {
    let cache = LocalCache<Int, UInt64>(name: "torn", limit: .entries(1000)) { $0.shards = 1 }
    for key in 0..<64 { cache.set(UInt64(key), for: key) }
    // Both halves of a value say the same.
    @Sendable func value(_ number: UInt64) -> UInt64 { number << 32 | number }
    for key in 0..<64 { cache.set(value(UInt64(key)), for: key) }
    let group = DispatchGroup()
    for thread in 0..<4 {
      group.enter()
      Thread.detachNewThread {
        for round in 1...2000 {
          for key in 0..<64 {
            let own = UInt64(round * 128 + thread % 2 * 64 + key)
            if thread < 2 { cache.set(value(own), for: key) }
            guard let found = cache.get(key) else {
              Issue.record("\(key) is gone")
              continue
            }
            if found >> 32 != found & 0xFFFF_FFFF || found & 63 != UInt64(key) { Issue.record("\(found) for \(key)") }
          }
        }
        group.leave()
      }
    }
    group.wait()
    for key in 0..<64 { #expect((cache.get(key) ?? 0) & 0xFFFF_FFFF >= UInt64(2000 * 128)) }
    #expect(cache.count == 64 && cache.statistics.replaced == 64 + 2 * 2000 * 64)
  }

  /// A snapshot is taken among readers, too.
  @Test func aSnapshotBesideAWriterHasWholeValues() throws {
    let path = NSTemporaryDirectory() + "whole-\(UInt64.random(in: 0 ... .max)).snapshot"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let cache = LocalCache<Int, UInt64>(name: "snapshot", limit: .entries(1000)) { $0.shards = 1 }
    for key in 0..<64 { cache.set(0, for: key) }
    let isOver = Locked(false)
    let hasEnded = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      var round: UInt64 = 0
      while !isOver.current {
        round += 1
        for key in 0..<64 {
          cache.set(round << 32 | round, for: key)
          _ = cache.get(key)
        }
      }
      hasEnded.signal()
    }
    defer {
      isOver.with { $0 = true }
      hasEnded.wait()
    }
    for _ in 0..<20 {
      _ = try cache.writeSnapshot(to: path)
      let other = LocalCache<Int, UInt64>(name: "other", limit: .entries(1000))
      _ = other.readSnapshot(from: path)
      #expect(other.count == 64)
      for key in 0..<64 { #expect(other.get(key).map { $0 >> 32 == $0 & 0xFFFF_FFFF } == true) }
    }
  }
}
