import HeapGraph

/// Caches of the module LocalCache in a snapshot: they have a bound, and say so in memory (docs/local-cache-layout.md).
///
/// What lies in them is judged otherwise than what lies elsewhere: it fills up and stays, and where the bound counts bytes, smaller entries
/// make room for more of them instead of less memory.
struct BoundedCaches: Sendable {
  /// Those with entries.
  let caches: [LocalCacheSummary]
  /// Where they are in the tree of holders.
  private let paths: [[String]]
  /// By type of blocks: how many lie in the caches.
  private let blocks: [String: UInt64]

  /// As the graph calls the storage of a cache.
  private static let shards = "LocalCache shards"

  /// nil where the program has none, or their place is not known. O(places * caches).
  init?(_ heap: HeapFacts) {
    guard let holders = heap.holders, let caches = heap.caches?.filter({ $0.entries > 0 }), !caches.isEmpty else {
      return nil
    }
    // A thread that works in a cache holds its shards beside the cache itself: then they stand alone in the tree.
    let paths = holders.filter { $0.container?.kind == .localCache || $0.type == Self.shards }.map(\.path)
    guard !paths.isEmpty else { return nil }
    self.caches = caches
    self.paths = paths
    var blocks: [String: UInt64] = [:]
    for place in holders where paths.contains(where: { place.path.starts(with: $0) }) {
      blocks[place.type, default: 0] &+= place.count
    }
    self.blocks = blocks
  }

  /// Whether a place is one of the caches or lies in one.
  func contain(_ path: [String]) -> Bool { paths.contains { path.starts(with: $0) } }

  /// All bounds count bytes. It is not known which place is which cache, so one cache that counts otherwise makes this false for all.
  var countBytes: Bool { caches.allSatisfy { $0.unit == .bytes } }

  /// Part of the blocks of a type that lies in them, 0 to 1.
  func share(of type: String, blocks count: Int) -> Double {
    count <= 0 ? 0 : min(Double(blocks[type] ?? 0) / Double(count), 1)
  }

  /// Bytes of some groups of waste that changes would not give back, because the room would be filled again; 0 where a bound counts entries.
  func refilled(_ groups: [(type: String, blocks: Int, bytes: UInt64)]) -> UInt64 {
    guard countBytes else { return 0 }
    return groups.reduce(0) { $0 &+ UInt64(Double($1.bytes) * share(of: $1.type, blocks: $1.blocks)) }
  }

  /// What to say of waste in them; nothing where there is none.
  static func note(_ bytes: UInt64, _ caches: BoundedCaches?) -> [String] {
    guard bytes > 0, let caches else { return [] }
    return [
      "\(Say.bytes(bytes)) of that lie in LocalCache \(caches.title): there it makes room for more entries, and memory stays"
    ]
  }

  /// `activities (at most 32.0 MiB)`, for people.
  var title: String {
    let names = caches.prefix(3).map { cache in
      cache.name
        + (cache.unit == .bytes
          ? " (at most \(Say.bytes(cache.limit)))"
          : " (at most \(Say.count(cache.limit)) \(cache.unit.rawValue))")
    }
    let rest = caches.count - names.count
    return names.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
  }
}
