import BenchmarkSupport
import Foundation
import LocalCache
import Synchronization

/// Many keys at once, as a service asks for all rows of a page: what a key of a batch costs, the dictionary that is returned included.
enum Batches {
  private static let batch = 1_000

  static func run() {
    for exponent in [10, 13, 17, 20] {
      rows("Int", entries: 1 << exponent) { $0 }
      rows("reference", entries: 1 << exponent) { Payload($0) }
      rows("String", entries: 1 << exponent) { "a string of some length, number \($0)" }
    }
  }

  private static func rows<V: Sendable>(_ type: String, entries: Int, _ make: (Int) -> V) {
    let dictionary = LockedDictionary<V>()
    let cache = LocalCache<Int, V>(name: "batches", limit: .entries(entries * 3 / 2))
    for key in 0..<entries {
      let value = make(key)
      dictionary.set(key, value)
      cache.set(value, for: key)
    }
    let batches = batches(of: entries)
    func row(_ name: String, _ get: ([Int]) -> Int) {
      var found = 0
      var best = Double.infinity
      for _ in 0..<5 {
        for keys in batches { best = min(best, Harness.best(1) { found &+= get(keys) }) }
      }
      precondition(found > 0)
      line("\(entries) entries, \(type), \(name)", [best / Double(batch)], "ns a key")
    }
    row("Mutex<Dictionary>, one lock") { keys in
      dictionary.storage.withLock { values in
        var result: [Int: V] = [:]
        for key in keys { result[key] = values[key] }
        return result.count
      }
    }
    row("LocalCache, key by key") { keys in
      var result: [Int: V] = [:]
      for key in keys { if let value = cache.get(key) { result[key] = value } }
      return result.count
    }
    row("LocalCache, batch") { keys in cache.get(keys).count }
  }

  /// Random keys, so many batches that their entries are not in the processor's cache when they come again.
  private static func batches(of entries: Int) -> [[Int]] {
    var random = Random(thread: 0, slice: 0)
    return (0..<60).map { _ in (0..<batch).map { _ in Int(truncatingIfNeeded: random.next() >> 20) & (entries - 1) } }
  }
}
