import Measurement
import Timeline

/// Shared memory and tmpfs: `/dev/shm`, memfd, MAP_SHARED. Resident where it is mapped, charged where it was written first.
struct SharedMemoryRule: Rule {
  static func findings(_ evidence: Evidence) -> [Finding] {
    let level = evidence.latest(.rss) ?? 0
    let mapped = evidence.growth(of: .shared, material: Evidence.material(level))
    let charged = evidence.growth(of: .groupShared, material: Evidence.material(evidence.latest(.groupUsage) ?? 0))
    let isMapped = mapped.pattern == .growing
    // A group of many processes: only what this one wrote may be put to it.
    let isOurs = evidence.ownsGroup || max(evidence.changeOfAllLives(of: .ioWritten) ?? 0, 0) >= 0.5 * charged.rise
    guard isMapped || charged.pattern == .growing && isOurs else { return [] }
    let test = isMapped ? mapped : charged
    let now = isMapped ? evidence.latest(.shared) ?? 0 : evidence.latest(.groupShared) ?? 0
    return [
      Finding(
        .sharedMemory, title: isMapped ? "shared mappings" : "files in tmpfs",
        confidence: !isMapped && !evidence.ownsGroup ? .possible : test.span >= 600 ? .certain : .likely,
        growth: isMapped ? between(evidence) ?? test.rise.saturated : test.rise.saturated, holds: now.saturatedAmount,
        evidence: [
          isMapped
            ? "\(Say.bytes(now)) of shared memory is mapped by the process, growing by \(Say.rate(test.slope.slope * 3600, hours: 1))"
            : "\(Say.bytes(now)) of tmpfs is charged to the control group, growing by \(Say.rate(test.slope.slope * 3600, hours: 1)); no process maps it"
        ],
        advice: [
          isMapped
            ? "unmap segments when done with them (munmap, shm_unlink); `grep -A1 'rw-s' /proc/PID/maps` names them"
            : "delete files in /dev/shm and /tmp when done, or put them on a disk: tmpfs is memory and is never given back by itself"
        ], overturnedBy: "the sum of shared memory falls back by itself")
    ]
  }

  /// What the snapshots say, where they span the watch: the same account as the rest of the growth.
  private static func between(_ evidence: Evidence) -> Int64? {
    guard let pair = evidence.heapPair, let hours = evidence.heapHours, hours * 3600 >= 0.8 * evidence.span,
      let first = pair.first.books, let last = pair.last.books
    else { return nil }
    return max(last[.shared] - first[.shared], 0)
  }
}
