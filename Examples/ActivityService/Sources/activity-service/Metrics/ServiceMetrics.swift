import Glibc
import Metrics

/// What the service says of itself beside its requests. Set when the page is asked for.
struct ServiceMetrics: Sendable {
  private let entries = Gauge(label: "activity_cache_entries")
  private let hits = Gauge(label: "activity_cache_hits")
  private let misses = Gauge(label: "activity_cache_misses")
  private let chances = Gauge(label: "chance_cache_entries")
  private let resident = Gauge(label: "process_resident_memory_bytes")

  func update(_ source: any ActivitySource, chances: ChanceCache) {
    let statistics = source.statistics
    entries.record(statistics.entries)
    hits.record(statistics.hits)
    misses.record(statistics.misses)
    self.chances.record(chances.count)
    resident.record(Self.residentBytes())
  }

  /// From `/proc/self/statm`: the second number, in pages.
  private static func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
    let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(
      separator: " ")
    return (words.count > 1 ? Int(words[1]) ?? 0 : 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}
