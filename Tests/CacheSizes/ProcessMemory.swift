import Dispatch
import Foundation
import LocalCache
import Synchronization

/// The cache's budget beside the memory of the process, as the system sees it. A process of its own, where nothing else takes memory.
enum ProcessMemory {
  /// Resident bytes of this process; 0 where the system does not say.
  static func resident() -> Int {
    let file = open("/proc/self/statm", O_RDONLY)
    guard file >= 0 else { return 0 }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = read(file, &bytes, bytes.count)
    let words = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
    return (words.count > 1 ? Int(words[1]) ?? 0 : 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
  }

  private struct Random {
    var state: UInt64 = 88_172_645_463_325_252
    mutating func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
  }

  /// Entries of all sizes, which drift: what fits into a hole today does not tomorrow. One line: budget, entries, holes, held back, all as the cache
  /// says; free memory as malloc says; memory that the process has gained.
  static func churn(countsHoles: Bool) {
    let budget = 48 << 20
    let before = resident()
    var configuration = LocalCache<Int, [String: String]>.Configuration()
    configuration.memory.countsHoles = countsHoles
    let cache = LocalCache<Int, [String: String]>(
      name: "churn", limit: .bytes(ByteSize(budget)), configuration: configuration)
    var random = Random()
    for step in 0..<1_200_000 {
      let key = Int(random.next() >> 8 % (random.next() & 7 == 0 ? 4_000_000 : 20_000))
      if step % 4000 == 0 { cache.tendMemory() }
      guard cache.get(key) == nil else { continue }
      // Sizes rise and fall four times.
      let phase = abs(step % 300_000 - 150_000)
      var value: [String: String] = [:]
      for field in 0..<1 + Int(random.next() % 12) {
        value["field \(field)"] = String(repeating: "x", count: 16 + Int(random.next() >> 8) % (40 + phase / 1000))
      }
      cache.set(value, for: key)
    }
    let gained = resident() - before
    let footprint = cache.footprint
    let free = MallocCounters.now?.free ?? 0
    print("\(budget)\t\(footprint.entries)\t\(footprint.holes)\t\(footprint.heldBack)\t\(free)\t\(gained)")
  }

  /// Two threads replace a few hundred large values in turn, each with an arena of malloc's of its own: what becomes free in one is of no use for the other.
  /// One line: holes as the cache says, free memory as malloc says.
  static func arenas() {
    var configuration = LocalCache<Int, Data>.Configuration()
    configuration.memory.returnsPages = false
    let cache = LocalCache<Int, Data>(name: "arenas", limit: .bytes(.mebibytes(128)), configuration: configuration)
    let turns = [DispatchSemaphore(value: 1), DispatchSemaphore(value: 0)]
    let isDone = DispatchSemaphore(value: 0)
    for thread in 0..<2 {
      Thread {
        var random = Random(state: UInt64(thread + 1))
        for _ in 0..<3 {
          turns[thread].wait()
          for _ in 0..<3000 {
            let size = 20_000 + Int(random.next() >> 8) % 280_000
            cache.set(Data(repeating: 1, count: size), for: Int(random.next() >> 8) % 100_000)
          }
          turns[1 - thread].signal()
        }
        isDone.signal()
        // Until the other one is done too: the arena of a thread that has ended goes to the next.
        turns[1 - thread].wait()
        turns[1 - thread].signal()
      }.start()
    }
    for _ in 0..<2 { isDone.wait() }
    for _ in 0..<10 { cache.tendMemory() }
    print("\(cache.footprint.holes)\t\(MallocCounters.now?.free ?? 0)")
  }

  /// Stores strings of some sizes. Returns blocks of others that lie between them.
  private static func fill(_ cache: LocalCache<Int, String>, _ count: Int) -> [String] {
    var others: [String] = []
    for key in 0..<count {
      cache.set(String(repeating: "x", count: 200 + key % 100), for: key)
      if key % 1000 == 0 { others.append(String(repeating: "y", count: 100)) }
    }
    return others
  }

  /// The same cache, whose entries all end at once. One line: as above.
  static func expired() {
    let before = resident()
    var configuration = LocalCache<Int, String>.Configuration()
    configuration.expiry.afterWrite = .seconds(3600)
    let clock = SettableClock()
    configuration.clock = clock
    let cache = LocalCache<Int, String>(name: "expired", limit: .bytes(.mebibytes(160)), configuration: configuration)
    let others = fill(cache, 400_000)
    cache.tendMemory()
    let full = resident() - before
    clock.offset.store(7200, ordering: .relaxed)
    cache.removeExpired()
    tend(cache, until: before + full / 4)
    print("\(full)\t\(resident() - before)")
    withExtendedLifetime(others) {}
  }

  private final class SettableClock: Clock {
    let offset = Atomic<Int>(0)
    struct Instant: InstantProtocol {
      var offset: Duration
      func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
      func duration(to other: Instant) -> Duration { other.offset - offset }
      static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }
    var now: Instant { Instant(offset: .seconds(offset.load(ordering: .relaxed))) }
    var minimumResolution: Duration { .nanoseconds(1) }
    func sleep(until deadline: Instant, tolerance: Duration?) async throws { try await Task.sleep(for: .seconds(3600)) }
  }

  /// A cache that is emptied while blocks of others lie between its entries. One line: memory gained with the cache full, and after it was emptied.
  static func emptied(returnsPages: Bool) {
    let before = resident()
    var configuration = LocalCache<Int, String>.Configuration()
    configuration.memory.returnsPages = returnsPages
    let cache = LocalCache<Int, String>(
      name: "emptied", limit: .bytes(.mebibytes(64)), configuration: configuration)
    let others = fill(cache, 200_000)
    cache.tendMemory()
    let full = resident() - before
    cache.removeAll()
    if returnsPages { tend(cache, until: before + full / 4) } else { cache.tendMemory() }
    print("\(full)\t\(resident() - before)")
    withExtendedLifetime(others) {}
  }

  /// The cache may have returned pages by itself while it was being emptied, and does so again after ten seconds.
  private static func tend(_ cache: LocalCache<Int, String>, until enough: Int) {
    for _ in 0..<30 {
      cache.tendMemory()
      if resident() < enough { return }
      usleep(500_000)
    }
  }
}
