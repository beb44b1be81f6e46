import BenchmarkSupport
import Foundation
import LocalCache

let entries = 131_072
let mask = entries - 1

/// What is run in place of the rows below where it is named; `run` shows Go's rows right below those of `peers`.
let parts = [
  "peers": Peers.run, "statistics": StatisticsCost.run, "values": MeasuredValues.run, "sizes": Sizes.run,
  "batches": Batches.run,
]
if let part = CommandLine.arguments.lazy.compactMap({ parts[$0] }).first {
  part()
  exit(0)
}

func line(_ name: String, _ values: [Double], _ unit: String) {
  let cells = values.map { String(format: "%9.1f", $0) }.joined()
  print(name.padding(44) + cells + "  " + unit)
}

func fullCache<V>(
  _ make: (Int) -> V, _ configuration: LocalCache<Int, V>.Configuration = .init(), limit: CacheLimit = .entries(200_000)
) -> LocalCache<Int, V> {
  let cache = LocalCache<Int, V>(name: "benchmark", limit: limit, configuration: configuration)
  for key in 0..<entries { cache.set(make(key), for: key) }
  return cache
}

func gets<V>(_ name: String, _ get: @escaping @Sendable (Int) -> V?) {
  let body: @Sendable (Int, Int, Int) -> Int = { thread, slice, count in
    var random = Random(thread: thread, slice: slice)
    var found = 0
    for _ in 0..<count where get(Int(truncatingIfNeeded: random.next() >> 20) & mask) != nil { found += 1 }
    return found
  }
  line(name, [Harness.throughput(threads: 1, body), Harness.throughput(threads: 2, body)], "M get/s, 1 and 2 threads")
}

/// Look-ups with one write of an existing key in a hundred.
func mixed(_ name: String, _ get: @escaping @Sendable (Int) -> Int?, _ set: @escaping @Sendable (Int) -> Void) {
  let body: @Sendable (Int, Int, Int) -> Int = { thread, slice, count in
    var random = Random(thread: thread, slice: slice)
    var found = 0
    for step in 0..<count {
      let key = Int(truncatingIfNeeded: random.next() >> 20) & mask
      if step % 100 == 0 { set(key) } else if get(key) != nil { found += 1 }
    }
    return found
  }
  line(name, [Harness.throughput(threads: 1, body), Harness.throughput(threads: 2, body)], "M/s, one write in 100")
}

func inserts(_ name: String, _ insert: (Int) -> Void, fresh: () -> Void) {
  var best = Double.infinity
  for _ in 0..<12 {
    fresh()
    let start = Harness.nanoseconds()
    for key in 0..<entries { insert(key &* 0x9E37_79B1) }
    best = min(best, Double(Harness.nanoseconds() - start) / Double(entries))
  }
  line(name, [best], "ns an insert")
}

/// Settings of a cache whose entries end after so many seconds.
func expiring(afterWrite: Double, afterAccess: Double? = nil) -> LocalCache<Int, Int>.Configuration {
  var configuration = LocalCache<Int, Int>.Configuration()
  configuration.expiry = CacheExpiry(
    afterWrite: .seconds(afterWrite), afterAccess: afterAccess.map { .seconds($0) })
  return configuration
}

do {
  let dictionary = LockedDictionary<Int>()
  for key in 0..<entries { dictionary.set(key, key) }
  gets("Mutex<Dictionary>, Int") { dictionary.get($0) }
  let cache = fullCache { $0 }
  gets("LocalCache, Int") { cache.get($0) }
  mixed("Mutex<Dictionary>, Int", { dictionary.get($0) }, { dictionary.set($0, $0) })
  mixed("LocalCache, Int", { cache.get($0) }, { cache.set($0, for: $0) })
  let timed = fullCache({ $0 }, expiring(afterWrite: 1800), limit: .bytes(.mebibytes(64)))
  gets("LocalCache, Int, bytes and write expiry") { timed.get($0) }
  let used = fullCache({ $0 }, expiring(afterWrite: 1800, afterAccess: 900), limit: .bytes(.mebibytes(64)))
  gets("LocalCache, Int, bytes, write and access expiry") { used.get($0) }
  var bare = LocalCache<Int, Int>.Configuration()
  bare.isObserved = false
  let unobserved = fullCache({ $0 }, bare)
  gets("LocalCache, Int, not observed") { unobserved.get($0) }
}
do {
  let dictionary = LockedDictionary<Payload>()
  for key in 0..<entries { dictionary.set(key, Payload(key)) }
  gets("Mutex<Dictionary>, reference") { dictionary.get($0) }
  let cache = fullCache { Payload($0) }
  gets("LocalCache, reference") { cache.get($0) }
  gets("LocalCache, reference, withValue") { key in cache.withValue(for: key) { $0.number } }
}
do {
  let dictionary = LockedDictionary<String>()
  for key in 0..<entries { dictionary.set(key, "a string of some length, number \(key)") }
  gets("Mutex<Dictionary>, String") { dictionary.get($0) }
  let cache = fullCache { "a string of some length, number \($0)" }
  gets("LocalCache, String") { cache.get($0) }
}
do {
  nonisolated(unsafe) var dictionary = LockedDictionary<Int>()
  inserts("Mutex<Dictionary>", { dictionary.set($0, $0) }, fresh: { dictionary = LockedDictionary<Int>() })
  nonisolated(unsafe) var bounded = BoundedDictionary<Int>(limit: 50_000)
  inserts(
    "the same, the oldest of 50,000 removed", { bounded.set($0, $0) },
    fresh: { bounded = BoundedDictionary(limit: 50_000) })
  nonisolated(unsafe) var cache = LocalCache<Int, Int>(name: "", limit: .entries(200_000))
  inserts(
    "LocalCache, room enough", { cache.set($0, for: $0) },
    fresh: { cache = LocalCache(name: "", limit: .entries(200_000)) })
  inserts(
    "LocalCache, 64 MiB", { cache.set($0, for: $0) },
    fresh: { cache = LocalCache(name: "", limit: .bytes(.mebibytes(64))) })
  inserts(
    "LocalCache, evicting", { cache.set($0, for: $0) }, fresh: { cache = LocalCache(name: "", limit: .entries(50_000)) }
  )
  inserts(
    "LocalCache, evicting, write expiry", { cache.set($0, for: $0) },
    fresh: { cache = LocalCache(name: "", limit: .entries(50_000), configuration: expiring(afterWrite: 1800)) })
  inserts(
    "LocalCache, evicting, write and access expiry", { cache.set($0, for: $0) },
    fresh: {
      cache = LocalCache(
        name: "", limit: .entries(50_000), configuration: expiring(afterWrite: 1800, afterAccess: 900))
    })
  let texts = (0..<1024).map { "a string of some length, number \($0)" }
  nonisolated(unsafe) var boundedTexts = BoundedDictionary<String>(limit: 50_000)
  inserts(
    "Mutex<Dictionary>, strings, the oldest of 50,000 removed", { boundedTexts.set($0, texts[$0 & 1023]) },
    fresh: { boundedTexts = BoundedDictionary(limit: 50_000) })
  nonisolated(unsafe) var textCache = LocalCache<Int, String>(name: "", limit: .entries(50_000))
  inserts(
    "LocalCache, evicting, strings", { textCache.set(texts[$0 & 1023], for: $0) },
    fresh: { textCache = LocalCache(name: "", limit: .entries(50_000)) })
}
