import Dispatch
import Foundation
import LocalCache

/// What a cache of integers takes of malloc beside its keys and values.
enum Overhead {
  /// How a cache is used before it is looked at.
  enum Use: String {
    /// Each key is stored once.
    case stored
    /// A hundred look-ups for each entry besides, most of them hits.
    case read
    /// The same four times, more than a second apart: notes rest in between, and by then there are as many as there will ever be.
    case used
  }

  /// When entries end.
  enum Life: String, CaseIterable {
    case lasting
    /// Some time after they were written.
    case written
    /// Some time after they were written or used.
    case used

    var expiry: CacheExpiry {
      switch self {
      case .lasting: CacheExpiry()
      case .written: CacheExpiry(afterWrite: .seconds(3600))
      case .used: CacheExpiry(afterWrite: .seconds(3600), afterAccess: .seconds(600))
      }
    }
  }

  /// They stay: a cache whose background task still holds it would be given back while the next one is measured.
  nonisolated(unsafe) private static var caches: [LocalCache<Int, Int>] = []

  private static func cache(_ limit: CacheLimit, _ life: Life) -> LocalCache<Int, Int> {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.expiry = life.expiry
    caches.reserveCapacity(1000)
    caches.append(LocalCache<Int, Int>(name: "overhead", limit: limit, configuration: configuration))
    // Nor is what a verdict takes while it is worked out: none is for the next minutes.
    caches[caches.count - 1].judging.ended(begunAt: DispatchTime.now().uptimeNanoseconds &- 1_000_000_000)
    return caches[caches.count - 1]
  }

  /// A line for each fill: limit, life, use, entries, bytes an entry beside the 16 of key and value.
  private static func measure(_ limit: CacheLimit, _ fills: [Double], _ life: Life, use: Use) {
    // Printed when all is measured: the first line brings the buffer of the output.
    var rows: [(entries: Int, bytes: Double)] = []
    rows.reserveCapacity(fills.count)
    defer {
      for row in rows {
        print("\(limit)\t\(life)\t\(use)\t\(row.entries)\t\(row.bytes)")
      }
    }
    guard let before = MallocCounters.now?.inUse else { return print("mallinfo2 is missing") }
    let cache = cache(limit, life)
    var key = 0
    var random: UInt64 = 1
    for fill in fills {
      // At last it is full, and half of its entries have made room for others.
      let isFull = fill >= 1
      let weight = limit.amount / max(Int(cache.weight(of: 0, for: 0)), 1)
      let target = Int(Double(weight) * fill)
      while isFull ? key < weight + weight / 2 : key < target {
        cache.set(key, for: key)
        key += 1
      }
      for round in 0..<(use == .used ? 4 : use == .read ? 1 : 0) {
        if round > 0 { Thread.sleep(forTimeInterval: 1.1) }
        for _ in 0..<100 * cache.count {
          random ^= random << 13
          random ^= random >> 7
          random ^= random << 17
          let wanted = key - 1 - Int(random >> 33) % max(cache.count, 1)
          if cache.get(wanted) == nil, isFull { cache.set(wanted, for: wanted) }
        }
      }
      // A task in the background that counts the entries is no part of the cache, and over soon.
      Thread.sleep(forTimeInterval: 0.01)
      guard let after = MallocCounters.now?.inUse else { return }
      rows.append((cache.count, Double(after - before) / Double(max(cache.count, 1)) - 16))
    }
  }

  /// What is made once for the process is no part of a cache: threads of the runtime and their queues, metadata of types. All that is used later is used
  /// here for the first time.
  private static func prepare() {
    for life in Life.allCases {
      let cache = cache(.entries(1000), life)
      for key in 0..<20_000 {
        cache.set(key, for: key)
        for back in 0..<8 { _ = cache.get(key - back * back) }
      }
      cache.publish()
    }
    Thread.sleep(forTimeInterval: 0.1)
  }

  /// - Parameter entries: limits in entries; none: what the tests expect to be at most 48 bytes an entry. That holds for large caches at any fill,
  ///   for smaller ones when they are full.
  static func run(entries: [Int]) {
    prepare()
    let fills = [0.05, 0.1, 0.25, 0.5, 0.65, 0.8, 0.95, 1]
    for life in Life.allCases {
      if entries.isEmpty {
        measure(.entries(200_000), fills, life, use: .stored)
        measure(.entries(50_000), [0.95, 1], life, use: .stored)
        measure(.entries(2000), [1], life, use: .stored)
        measure(.entries(5000), [1], life, use: .read)
        measure(.entries(10_000), [0.5, 1], life, use: .read)
      }
      for limit in entries {
        for use in [Use.stored, .read] { measure(.entries(limit), fills, life, use: use) }
        measure(.entries(limit), [0.5, 1], life, use: .used)
      }
    }
  }

  /// The same for limits in bytes; and what a cache takes before anything is stored.
  static func runOthers() {
    prepare()
    for life in Life.allCases {
      for limit in [CacheLimit.entries(100), .entries(2000), .entries(200_000), .bytes(.mebibytes(64))] {
        guard let before = MallocCounters.now?.inUse else { return print("mallinfo2 is missing") }
        let cache = cache(limit, life)
        guard let after = MallocCounters.now?.inUse else { return }
        print("\(limit)\t\(life)\tempty\t\(cache.count)\t\(after - before)")
      }
      for use in [Use.stored, .read] {
        for limit in [ByteSize.kibibytes(64), .mebibytes(1), .mebibytes(64)] {
          measure(.bytes(limit), [0.05, 0.25, 0.5, 1], life, use: use)
        }
      }
    }
  }
}
