import BenchmarkSupport
import Foundation
import LocalCache
import Synchronization

/// What a service on Linux could take instead, side by side: look-ups with one and two threads, insertions, and memory. Go's rows follow in the
/// same form from `go/main.go`.
enum Peers {
  static func run() {
    print("131,072 random integer keys and values".padding(44), terminator: "")
    print(" get M/s: 1   2 threads  insert ns  bytes an entry")
    let dictionary = filled(LockedDictionary<Int>.init, insert: { $0.set($1, $1) })
    row("Swift: Mutex<Dictionary>", dictionary.cost) { dictionary.cache.get($0) }
    let objects = filled(FoundationCache.init, insert: { $0.set($1, $1) })
    row("Swift: NSCache", objects.cost) { objects.cache.get($0) }
    rowOfActor()
    let bounded = filled({ cache(.bytes(.mebibytes(64)), lifetime: .seconds(1800)) }, insert: { $0.set($1, for: $1) })
    row("Swift: LocalCache, 64 MiB, expiry", bounded.cost) { bounded.cache.get($0) }
    let plain = filled({ cache(.entries(entries)) }, insert: { $0.set($1, for: $1) })
    row("Swift: LocalCache, 131,072 entries", plain.cost) { plain.cache.get($0) }
  }

  private static func cache(_ limit: CacheLimit, lifetime: Duration? = nil) -> LocalCache<Int, Int> {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.expiry = CacheExpiry(afterWrite: lifetime)
    return LocalCache(name: "peers", limit: limit, configuration: configuration)
  }

  private struct Cost {
    var nanoseconds = Double.infinity
    var bytes = Double.infinity
  }

  /// A full cache, and what an insertion took: of memory at the first filling, of time the least of some.
  private static func filled<Cache>(_ make: () -> Cache, insert: (Cache, Int) -> Void) -> (cache: Cache, cost: Cost) {
    var cost = Cost()
    let before = Harness.allocated()
    let first = make()
    cost.nanoseconds = fill(first, insert)
    cost.bytes = Double(Harness.allocated() - before) / Double(entries)
    for _ in 0..<4 { cost.nanoseconds = min(cost.nanoseconds, fill(make(), insert)) }
    return (first, cost)
  }

  /// Nanoseconds of an insertion.
  private static func fill<Cache>(_ cache: Cache, _ insert: (Cache, Int) -> Void) -> Double {
    let start = Harness.nanoseconds()
    for key in 0..<entries { insert(cache, key) }
    return Double(Harness.nanoseconds() - start) / Double(entries)
  }

  private static func row(_ name: String, _ cost: Cost, _ get: @escaping @Sendable (Int) -> Int?) {
    let body: @Sendable (Int, Int, Int) -> Int = { thread, slice, count in
      var random = Random(thread: thread, slice: slice)
      var found = 0
      for _ in 0..<count where get(Int(truncatingIfNeeded: random.next() >> 20) & mask) != nil { found += 1 }
      return found
    }
    // Slow ones get fewer operations a slice, so that all take about as long.
    let operations = cost.nanoseconds > 1000 ? 5000 : 50_000
    line(
      name,
      [
        Harness.throughput(threads: 1, operations: operations, body),
        Harness.throughput(threads: 2, operations: operations, body),
        cost.nanoseconds, cost.bytes,
      ], "")
  }

  /// The same from tasks, since an actor cannot be asked otherwise.
  private static func rowOfActor() {
    let result = Box(Mutex<[Double]>([]))
    let done = DispatchSemaphore(value: 0)
    Task.detached {
      let cache = DictionaryActor()
      let bytes = Harness.allocated()
      let start = Harness.nanoseconds()
      for key in 0..<entries { await cache.set(key, key) }
      var values = [
        0, 0, Double(Harness.nanoseconds() - start) / Double(entries),
        Double(Harness.allocated() - bytes) / Double(entries),
      ]
      for tasks in 1...2 {
        for slice in 0..<30 {
          let start = Harness.nanoseconds()
          await withTaskGroup(of: Int.self) { group in
            for task in 0..<tasks {
              group.addTask {
                var random = Random(thread: task, slice: slice)
                var found = 0
                for _ in 0..<20_000
                where await cache.get(Int(truncatingIfNeeded: random.next() >> 20) & mask) != nil { found += 1 }
                return found
              }
            }
            for await _ in group {}
          }
          let elapsed = Double(Harness.nanoseconds() - start)
          values[tasks - 1] = max(values[tasks - 1], Double(20_000 * tasks) / elapsed * 1000)
        }
      }
      result.value.withLock { $0 = values }
      done.signal()
    }
    done.wait()
    line("Swift: actor (1 and 2 tasks)", result.value.withLock { $0 }, "")
  }
}
