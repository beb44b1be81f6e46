import Measurement
import Timeline

/// The books of the newest snapshot beside those of the oldest.
struct Books {
  var rows: [GrowthReport.Row] = []
  var group: [GrowthReport.Row] = []
  var resident: UInt64?
  var isClosed: Bool?
  /// Growth of resident memory between the snapshots.
  var growth: Int64?

  init(_ evidence: Evidence) {
    if let last = evidence.heaps.last?.books {
      let first = evidence.heapPair?.first.books
      resident = last.resident
      isClosed = last.isClosed
      growth = first.map { Int64(last.resident) - Int64($0.resident) }
      rows = ResidentBooks.Holder.allCases.compactMap { holder in
        let growth = first.map { last[holder] - $0[holder] }
        guard last[holder] != 0 || (growth ?? 0) != 0 || holder == .unexplained else { return nil }
        return GrowthReport.Row(holder: holder.rawValue, title: holder.title, bytes: last[holder], growth: growth)
      }
    }
    addGroup(evidence)
  }

  private mutating func addGroup(_ evidence: Evidence) {
    guard let usage = evidence.latest(.groupUsage), let anonymous = evidence.latest(.groupAnonymous) else { return }
    let own = min(evidence.latest(.anonymous) ?? 0, anonymous)
    let shared = evidence.latest(.groupShared) ?? 0
    let parts: [(String, String, Double)] = [
      ("process", "anonymous memory of this process", own),
      ("others", "anonymous memory of other processes", anonymous - own),
      ("pageCache", "page cache", (evidence.latest(.groupFile) ?? 0) - shared),
      ("shared", "shared memory and tmpfs", shared), ("kernel", "kernel memory", evidence.latest(.groupKernel) ?? 0),
      ("sockets", "network buffers", evidence.latest(.groupSocket) ?? 0),
    ]
    let rest = usage - parts.reduce(0) { $0 + $1.2 }
    group = (parts + [("unexplained", "unexplained", rest)]).filter { $0.2 != 0 || $0.0 == "unexplained" }.map {
      GrowthReport.Row(holder: $0.0, title: $0.1, bytes: $0.2.saturated, growth: nil)
    }
  }
}
