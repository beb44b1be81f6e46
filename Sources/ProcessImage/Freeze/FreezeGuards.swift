import Glibc

/// What is checked before anything is stopped. Sizes in bytes, times in nanoseconds.
struct FreezeGuards: Sendable {
  private let target: Procfs.Target
  let limits: MemoryLimits
  /// Page tables of the target: the least that a copy takes.
  let pageTables: UInt64
  private let mappingCount: Int
  /// What a copy takes beside the budget.
  private let fixedNeed: UInt64
  /// What the target may spend on copied pages.
  let copyBudget: UInt64
  /// The copy is given up when less room than this is left.
  let reserve: UInt64
  let predictedPause: UInt64
  var notes: [String] = []

  private static let mebibyte: UInt64 = 1 << 20
  /// 50 ms of writing at 0.6 GB/s.
  private static let shortBudget: UInt64 = 32 << 20
  /// Kernel objects of one more process, besides its page tables.
  private static let processCost: UInt64 = 8 << 20
  /// The copy's own record of a mapping: 200 bytes were measured where nothing was written to it, 465 where something was.
  private static let mappingCost: UInt64 = 512

  /// - Throws: the first guard that refuses.
  init(target: Procfs.Target, options: FreezeOptions) throws(FreezeError) {
    self.target = target
    let status = target.status
    #if !arch(x86_64)
      throw .unsupportedArchitecture
    #else
      try Self.requireFree(pid: target.pid, status: status, options: options)
      if status.state == "T" || target.stat.state == "T" { throw .jobStopped(pid: target.pid) }
      if let group = FrozenGroup(of: target.pid) { throw group.refusal(pid: target.pid) }
      if status.threadFeatures.contains("shstk") { throw .shadowStack(pid: target.pid) }
      if status.seccompMode == 1 {
        throw .seccomp(pid: target.pid, reason: "its strict mode kills it for any new call")
      }
      if let reason = SeccompFilter.refusal(
        pid: target.pid, mode: status.seccompMode, allowsUnknown: options.allowsUnknownSeccompFilter,
        mayRead: Permission.mayReadFilters)
      {
        throw .seccomp(pid: target.pid, reason: reason)
      }
      limits = MemoryLimits(pid: target.pid)
      pageTables = status.pageTableBytes
      // Without them it is refused later on, and that says why.
      let mappings = (try? Procfs.mappings(of: target.memoryThread)) ?? []
      mappingCount = mappings.count
      let fixed = pageTables &+ pageTables / 2 &+ UInt64(mappingCount) &* Self.mappingCost &+ Self.processCost
      fixedNeed = fixed
      copyBudget = options.copyBudget ?? Self.budget(residentBytes: status.residentBytes, fixed: fixed, limits)
      // A copy that is chosen by the out-of-memory killer would take the target with it: stay further away from the limit.
      let isDeadly = limits.killsWholeGroup || limits.stopsAtLimit
      reserve = max(4 * Self.mebibyte, copyBudget / (isDeadly ? 2 : 4))
      predictedPause = PausePrediction.nanoseconds(target: target, mappings: mappings)
      try requireHeadroom()
      try requireCommitRoom(status: status)
      try requireProcessRoom()
      if limits.isPartlyHidden {
        notes.append(
          "not all memory control groups of the process can be seen from here; their limits were not checked")
      }
      if limits.killsWholeGroup {
        notes.append(
          "memory.oom.group is set: the copy is given up early, because the kernel would kill the whole group")
      }
    #endif
  }

  /// Nobody else may trace the process, and it is not this one. Another memwhy does for some milliseconds: it is waited for as long as all attempts
  /// to stop the process take.
  static func requireFree(pid: Int32, status: ProcessStatus, options: FreezeOptions) throws(FreezeError) {
    if pid == getpid() { throw .isSelf(pid: pid) }
    var tracer = status.tracer
    guard tracer != 0 else { return }
    let isFree = Clocks.poll(for: UInt64(options.attempts) &* options.retryDelay, interval: 2_000_000) {
      let now = try? Procfs.status(of: pid)
      tracer = now?.tracer ?? 0
      return tracer == 0
    }
    if !isFree { throw .tracedByAnother(pid: pid, tracer: process(of: tracer)) }
  }

  /// The process that a thread belongs to: the kernel names the tracing thread.
  static func process(of thread: Int32) -> Int32 {
    guard let status = try? Procfs.status(of: thread), status.processID > 0 else { return thread }
    return status.processID
  }

  private var pid: Int32 { target.pid }

  var needed: UInt64 { fixedNeed &+ copyBudget }

  /// A twentieth of the process; in a small room half of what the copy leaves, but no less than a fast writer needs until the copy is given up.
  private static func budget(residentBytes: UInt64, fixed: UInt64, _ limits: MemoryLimits) -> UInt64 {
    let wanted = min(64 * mebibyte, max(8 * mebibyte, residentBytes / 20))
    guard let room = limits.tightest(enough: (fixed &+ wanted) &* 2)?.room else { return wanted }
    return min(wanted, max(shortBudget, (room - min(fixed, room)) / 2))
  }

  /// Also called right before the copy is made.
  func requireHeadroom() throws(FreezeError) {
    guard let tightest = limits.tightest(enough: needed &* 2) else { return }
    if tightest.room < needed {
      throw .noHeadroom(
        pid: pid, group: tightest.group.name, needed: needed, available: tightest.room,
        stopPause: SwappedMemory.refusal(target) == nil
          ? PausePrediction.mostOfStop(target: target, mappingCount: mappingCount) : nil)
    }
  }

  /// With strict overcommit a fork commits all private writable memory once more (Documentation/mm/overcommit-accounting.rst).
  private func requireCommitRoom(status: ProcessStatus) throws(FreezeError) {
    guard (try? contents(of: "/proc/sys/vm/overcommit_memory", limit: 16))?.first == UInt8(ascii: "2"),
      let bytes = try? contents(of: "/proc/meminfo")
    else { return }
    let memory = ProcessStatus(parsing: bytes)
    let limit = memory.bytes("CommitLimit")
    let committed = memory.bytes("Committed_AS")
    let needed = status.bytes("VmData") &+ status.bytes("VmStk")
    let room = limit > committed ? limit - committed : 0
    if room < needed { throw .noCommitRoom(pid: pid, needed: needed, available: room) }
  }

  /// The clone would fail without harm; asking first gives the better message.
  private func requireProcessRoom() throws(FreezeError) {
    if let limit = ProcessRoom.exhausted(of: pid) { throw .processLimit(pid: pid, limit: limit) }
  }
}
