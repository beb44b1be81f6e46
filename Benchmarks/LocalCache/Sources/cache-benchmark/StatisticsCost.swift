import BenchmarkSupport
import LocalCache

/// What statistics cost a look-up: `cache-benchmark statistics`. Two caches that differ in nothing else are read in turn, slice by slice, so that what the
/// machine does meanwhile meets both. Full, and all hits.
enum StatisticsCost {
  private static let operations = 20_000

  static func run() {
    print("entries     ns a get, without and with statistics: best         median       more, best and median")
    for limit in [1000, 5000, 10_000, 50_000, 100_000, 200_000] {
      let caches = [cache(limit, isObserved: false), cache(limit, isObserved: true)]
      let keys = caches.map { cache in (0..<limit * 2).filter { cache.contains($0) } }
      var times: [[Double]] = [[], []]
      for slice in 0..<1000 {
        for index in 0..<2 { times[index].append(nanoseconds(caches[index], keys[index], slice: slice)) }
      }
      let best = times.map { $0.min() ?? 0 }
      let median = times.map { $0.sorted()[$0.count / 2] }
      let cells = [best[0], best[1], median[0], median[1], percent(best), percent(median)]
      print(String(limit).padding(12) + cells.map { String(describing: ($0 * 10).rounded() / 10).padding(9) }.joined())
    }
  }

  private static func percent(_ times: [Double]) -> Double { (times[1] / times[0] - 1) * 100 }

  private static func cache(_ limit: Int, isObserved: Bool) -> LocalCache<Int, Int> {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.isObserved = isObserved
    let cache = LocalCache<Int, Int>(name: "statistics", limit: .entries(limit), configuration: configuration)
    for key in 0..<limit * 2 { cache.set(key, for: key) }
    return cache
  }

  @inline(never)
  private static func nanoseconds(_ cache: LocalCache<Int, Int>, _ keys: [Int], slice: Int) -> Double {
    var random = Random(slice: slice)
    var found = 0
    let begin = Harness.nanoseconds()
    for _ in 0..<operations {
      let place = ((random.next() >> 32) &* UInt64(keys.count)) >> 32
      if cache.get(keys[Int(truncatingIfNeeded: place)]) != nil { found += 1 }
    }
    let spent = Harness.nanoseconds() - begin
    precondition(found == operations, "an entry has gone")
    return Double(spent) / Double(operations)
  }
}
