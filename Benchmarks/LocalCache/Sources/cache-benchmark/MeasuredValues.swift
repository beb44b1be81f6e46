import BenchmarkSupport
import LocalCache

/// What it costs to store values that have to be measured, for a cache with a limit in bytes: `cache-benchmark values`.
enum MeasuredValues {
  struct Person: Sendable {
    var name: String
    var tags: [String]
    var scores: [Int]
  }

  static func run() {
    print("limit in bytes, values that are there replace others     us a set by 1 and 2 threads")
    row("integers") { $0 }
    row("strings") { "a string of some length, number \($0)" }
    row("structs of a string and two arrays") { person($0) }
    row("dictionaries of 50 such structs") { index in
      Dictionary(uniqueKeysWithValues: (0..<50).map { ("key number \($0) of \(index)", person($0)) })
    }
  }

  private static func person(_ index: Int) -> Person {
    Person(name: "a name of some length \(index)", tags: ["one"], scores: [1, 2, index])
  }

  private static func row<Value: Sendable>(_ name: String, _ make: (Int) -> Value) {
    let values = (0..<64).map(make)
    let cache = LocalCache<Int, Value>(name: name, limit: .bytes(.mebibytes(1024)))
    let body: @Sendable (Int, Int, Int) -> Int = { thread, slice, count in
      var random = Random(thread: thread, slice: slice)
      for step in 0..<count { cache.set(values[step & 63], for: Int(truncatingIfNeeded: random.next() >> 20) & 4095) }
      return cache.count
    }
    // Millions of all threads together, as microseconds that a thread waits for one.
    let times = [1, 2].map { Double($0) / Harness.throughput(threads: $0, operations: 2000, slices: 20, body) }
    print(name.padding(57) + times.map { String(describing: ($0 * 100).rounded() / 100).padding(8) }.joined())
  }
}
