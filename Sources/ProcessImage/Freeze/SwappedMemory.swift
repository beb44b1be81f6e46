/// What of a process is in swap, and has to be read back while it stands still, where its memory is copied during a stop.
///
/// It comes back on the account of the process's control group. Where that has no room, each page that comes pushes another one out: a process of
/// 200 MiB, of which 80 were in swap at its limit, stood still for five times as long as reading them back takes elsewhere.
enum SwappedMemory {
  /// Less than this may push out what it likes, in bytes: a fraction of a second.
  static let little: UInt64 = 8 << 20

  /// Nil where all of it fits into every limit of the process, or it is little.
  static func refusal(_ target: Procfs.Target) -> FreezeError? {
    let swapped = target.status.bytes("VmSwap")
    guard swapped > little, let (group, room) = MemoryLimits(pid: target.pid).tightest(enough: swapped &+ little),
      isTooMuch(swapped, room: room)
    else { return nil }
    return .swappedOut(pid: target.pid, group: group.name, swapped: swapped, available: room)
  }

  static func isTooMuch(_ swapped: UInt64, room: UInt64) -> Bool { swapped > room && swapped - room > little }
}
