import Measurement
import Timeline

/// Page cache of files that the process reads and writes: charged to its control group, not to it. The kernel takes it back when
/// memory is short, so it is rarely a danger, but a chart of usage shows it as growth.
struct PageCacheRule: Rule {
  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let usage = evidence.latest(.groupUsage), let all = evidence.latest(.groupFile) else { return [] }
    // What the process maps is in its resident memory, and `MappingsRule` has it.
    let cache = { (sample: Sample) in
      max((sample[.groupFile] ?? 0) - (sample[.groupShared] ?? 0) - (sample[.file] ?? 0), 0)
    }
    let now = max(all - (evidence.latest(.groupShared) ?? 0) - (evidence.latest(.file) ?? 0), 0)
    let series = evidence.lives.map { life in
      Series(life.filter { $0[.groupFile] != nil }.map { (Double($0.time) / 1000, cache($0)) })
    }
    let test = GrowthTest(series, material: Evidence.material(usage))
    // A group of many processes: only what this one moved may be put to it.
    let moved = [Metric.storageWritten, .storageRead].reduce(0) { $0 + max(evidence.changeOfAllLives(of: $1) ?? 0, 0) }
    let written = max(evidence.changeOfAllLives(of: .ioWritten) ?? 0, 0)
    let isOurs = evidence.ownsGroup || max(moved, written) >= 0.5 * test.rise
    guard test.pattern == .growing, isOurs else {
      let isMost = evidence.ownsGroup && now >= 0.5 * usage && now >= 64 * 1_048_576
      return isMost ? [finding(usage: usage, now: now, growth: nil, evidence)] : []
    }
    return [finding(usage: usage, now: now, growth: test.rise.saturated, evidence)]
  }

  private static func finding(
    usage: Double, now: Double, growth: Int64?, _ evidence: Evidence
  ) -> Finding {
    var lines = [
      "\(Say.bytes(now)) of \(Say.bytes(usage)) in the control group is page cache that this process does not map"
    ]
    if let inactive = evidence.latest(.groupInactiveFile) {
      lines.append(
        "\(Say.bytes(inactive)) of it is inactive and given back first; the working set is \(Say.bytes(max(usage - inactive, 0)))"
      )
    }
    if let written = evidence.changeOfAllLives(of: .ioWritten), written > 0 {
      lines.append("the process wrote \(Say.bytes(written)) meanwhile")
    }
    return Finding(
      .pageCache, title: "page cache of files", confidence: evidence.ownsGroup && growth != nil ? .likely : .possible,
      growth: growth,
      holds: now.saturatedAmount, evidence: lines,
      advice: [
        "set alarms on the working set or on memory.pressure, not on usage",
        "for large files written once: posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) after writing, or rotate logs to another volume",
      ], overturnedBy: "usage stays as high when the limit comes near, or the kernel kills a process of the group")
  }
}
