import Foundation
import LocalCache
import Synchronization
import Testing

/// Values that somebody changes while they are in the cache.
@Suite struct MutationCheckTests {
  final class Box: Sendable {
    let number: Mutex<Int>
    init(_ number: Int) { self.number = Mutex(number) }
  }

  private func cache(_ reported: Locked<[Int]>) -> LocalCache<Int, Box> {
    var configuration = LocalCache<Int, Box>.Configuration()
    configuration.mutationCheck = .init(
      fingerprint: { $0.number.withLock { $0 } }, report: { key in reported.with { $0.append(key) } })
    return LocalCache(name: "checked", limit: .entries(100), configuration: configuration)
  }

  @Test func changesAreReported() {
    let reported = Locked<[Int]>([])
    let cache = cache(reported)
    for key in 0..<10 { cache.set(Box(key), for: key) }
    // Many reads: the shards must not open to readers, who do not check.
    for _ in 0..<100 { for key in 0..<10 { _ = cache.get(key) } }
    #expect(reported.current == [])
    cache.get(3)?.number.withLock { $0 = 99 }
    _ = cache.get(3)
    #expect(reported.current == [3], "at the next hit")
    cache.get(5)?.number.withLock { $0 = 98 }
    #expect(cache.checkForMutations().sorted() == [3, 5])
    reported.with { $0 = [] }
    cache.remove(5)
    #expect(reported.current == [5], "when it leaves")
    cache.set(Box(4), for: 3)
    #expect(cache.checkForMutations() == [])
  }

  /// Tasks that store, remove and read the same keys at the same time change no value.
  @Test func manyWritersRaiseNoAlarm() async {
    let alarms = Locked(0)
    var configuration = LocalCache<Int, String>.Configuration()
    configuration.mutationCheck = .init(fingerprint: { $0.hashValue }, report: { _ in alarms.with { $0 += 1 } })
    let cache = LocalCache<Int, String>(name: "writers", limit: .entries(10), configuration: configuration)
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<4 {
        group.addTask {
          for step in 0..<4000 {
            let key = step % 20
            switch step % 7 {
            case 0...2: cache.set("value \(worker) \(step)", for: key)
            case 3: cache.remove(key)
            default: _ = cache.get(key)
            }
          }
        }
      }
    }
    #expect(cache.checkForMutations() == [] && alarms.current == 0)
  }

  /// The end of a key, too, may run code that uses the cache.
  @Test func keysWhoseEndUsesTheCache() async {
    final class Key: Hashable, Sendable {
      let number: Int
      let atEnd: @Sendable () -> Void
      init(_ number: Int, atEnd: @escaping @Sendable () -> Void = {}) { (self.number, self.atEnd) = (number, atEnd) }
      deinit { atEnd() }
      static func == (left: Key, right: Key) -> Bool { left.number == right.number }
      func hash(into hasher: inout Hasher) { hasher.combine(number) }
    }
    var configuration = LocalCache<Key, Int>.Configuration()
    configuration.mutationCheck = .init(fingerprint: { $0 }, report: { _ in })
    let cache = LocalCache<Key, Int>(name: "ends", limit: .entries(10), configuration: configuration)
    let ends = Locked(0)
    // In a thread of its own, which a cache that waits for itself would not end.
    let thread = Thread {
      for number in 0..<6000 {
        let key = Key(number) { [weak cache] in
          cache?.set(1, for: Key(-1))
          ends.with { $0 += 1 }
        }
        cache.set(number, for: key)
      }
    }
    thread.start()
    for _ in 0..<1000 where !thread.isFinished { try? await Task.sleep(for: .milliseconds(10)) }
    #expect(thread.isFinished && ends.current > 0)
  }
}
