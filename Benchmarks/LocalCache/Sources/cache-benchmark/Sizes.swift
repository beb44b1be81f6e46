import BenchmarkSupport
import Foundation
import LocalCache

/// Look-ups of integers in caches and dictionaries of several sizes: which of them the processor's own caches can hold decides how long they take.
enum Sizes {
  static func run() {
    for exponent in [10, 13, 15, 17, 18, 20] { row(entries: 1 << exponent) }
  }

  private static func row(entries: Int) {
    let dictionary = LockedDictionary<Int>()
    let cache = LocalCache<Int, Int>(name: "sizes", limit: .entries(entries * 3 / 2))
    for key in 0..<entries {
      dictionary.set(key, key)
      cache.set(key, for: key)
    }
    for (name, get) in [("Mutex<Dictionary>", dictionary.get), ("LocalCache", cache.get)]
      as [(String, @Sendable (Int) -> Int?)]
    {
      line("\(entries) entries, \(name)", rates(entries, get), "M get/s, 1 and 2 threads")
    }
  }

  private static func rates(_ entries: Int, _ get: @escaping @Sendable (Int) -> Int?) -> [Double] {
    let body: @Sendable (Int, Int, Int) -> Int = { thread, slice, count in
      var random = Random(thread: thread, slice: slice)
      var found = 0
      for _ in 0..<count where get(Int(truncatingIfNeeded: random.next() >> 20) & (entries - 1)) != nil { found += 1 }
      return found
    }
    return [1, 2].map { Harness.throughput(threads: $0, body) }
  }
}
