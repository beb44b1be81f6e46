/// Of one processor, what the control groups of a process allow it in the long run (Documentation/scheduler/sched-bwc.rst; `cpu.max` in version 2).
///
/// A process that has used its share up waits for the rest of the period, and with it whatever it holds still.
enum ProcessorShare {
  /// 1 where it may use a whole processor or more.
  static func all(of pid: Int32) -> Double {
    let memberships = ControlGroupMembership.all(of: pid)
    var result = 1.0
    for mount in ControlGroupMount.all {
      for membership in memberships where mount.shows(membership, controller: "cpu") {
        var isHidden = false
        for folder in mount.folders(for: membership.path, isHidden: &isHidden) {
          result = min(result, share(of: folder, isUnified: mount.isUnified) ?? 1)
        }
      }
    }
    return result
  }

  /// Nil for no limit.
  static func share(of folder: String, isUnified: Bool) -> Double? {
    let words =
      isUnified
      ? numbers("\(folder)/cpu.max")
      : numbers("\(folder)/cpu.cfs_quota_us") + numbers("\(folder)/cpu.cfs_period_us")
    // `max` and -1 are no limit.
    guard words.count == 2, let quota = words[0], let period = words[1], quota > 0, period > 0 else { return nil }
    return quota / period
  }

  private static func numbers(_ path: String) -> [Double?] {
    guard let bytes = try? contents(of: path, limit: 256) else { return [] }
    return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).map { Double($0) }
  }
}
