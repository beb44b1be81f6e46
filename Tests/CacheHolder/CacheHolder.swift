import Glibc
import LocalCache

/// A program whose caches know their own numbers: it prints them, a line a cache, and waits.
///
/// `cache NAME UNIT LIMIT WEIGHT ENTRIES HITS MISSES INSERTIONS EVICTIONS DISTINCT ADVICE`, tab-separated.
@main enum CacheHolder {
  static let profiles = LocalCache<Int, String>(name: "profiles", limit: .entries(100_000))
  static let sessions = LocalCache<Int, [UInt8]>(name: "sessions ünder load", limit: .bytes(.kibibytes(256)))
  static let unused = LocalCache<String, Int>(name: "unused", limit: .weight(100))

  static func main() {
    use()
    // So many, or ten.
    for _ in 0..<(CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 10) { leak() }
    print("READY")
    fflush(nil)
    while true { sleep(1000) }
  }

  /// Not in `main`, whose frame is there for ever.
  @inline(never) private static func use() {
    for id in 0..<5000 { profiles.set("profile number \(id) with a text of its own", for: id) }
    for id in 0..<8000 { _ = profiles.get(id) }
    for id in 0..<20_000 {
      if sessions.get(id % 12_000) == nil { sessions.set([UInt8](repeating: 1, count: 100), for: id % 12_000) }
    }
    // One that is gone leaves nothing behind.
    _ = LocalCache<Int, Int>(name: "gone", limit: .entries(10))
    profiles.publish()
    sessions.publish()
    report(profiles)
    report(sessions)
    // Not published: nobody has used it.
    print("cache\tunused\t\(unused.limit.unit)\t\(unused.limit.amount)")
  }

  private final class Owner: @unchecked Sendable {
    var cache: LocalCache<UInt8, UInt8>?
  }

  /// A cache whose listener keeps who keeps the cache.
  @inline(never) private static func leak() {
    let owner = Owner()
    var configuration = LocalCache<UInt8, UInt8>.Configuration()
    configuration.removalListener = { _, _, _ in _ = owner }
    owner.cache = LocalCache(name: "leaked", limit: .entries(10), configuration: configuration)
  }

  @inline(never) private static func report<Key, Value>(_ cache: LocalCache<Key, Value>) {
    let numbers = cache.statistics
    let fields: [Any] = [
      "cache", cache.name, cache.limit.unit, numbers.limit.amount, numbers.weight, numbers.entries, numbers.hits,
      numbers.misses, numbers.insertions, numbers.evicted, numbers.distinctKeys, cache.verdict.advice,
    ]
    print(fields.map { "\($0)" }.joined(separator: "\t"))
  }
}
