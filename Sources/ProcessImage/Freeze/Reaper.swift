import CLinux
import Glibc

/// Removes the zombies of copies. A zombie belongs to the target, which does not know of it: one of the target's threads is stopped for
/// a moment, the others are not touched, and made to wait for it.
struct Reaper: Sendable {
  let pid: Int32
  let gadgets: Gadgets
  let memory: LiveMemory
  let allowsUnknownFilter: Bool
  let guardian: Guardian?
  let hook: @Sendable (FreezePhase) -> Void

  /// How long one thread may take to stop.
  private static let stopLimit: UInt64 = 100_000_000
  /// One thread's share: its stop, and a sleeper's way through its call.
  private static let armMilliseconds: Int32 = 2_000
  private static let goneLimit: UInt64 = 50_000_000
  /// From here on threads that have children are used, too: see `ParentThreads`.
  private static let parentRound = 2

  /// The target's mappings, for several attempts: among tens of thousands, listing them anew for each would take the time that all may take.
  private struct Listing {
    let mappings: [Mapping]
    /// Nanoseconds that it took, and until when it is used: its first line is as old as its last one may become.
    let cost, end: UInt64

    private static let shortestUse: UInt64 = 20_000_000

    init?(of thread: Int32) {
      let start = Clocks.monotonic
      guard let mappings = try? Procfs.mappings(of: thread) else { return nil }
      self.mappings = mappings
      let now = Clocks.monotonic
      cost = now &- start
      end = now &+ max(cost, Self.shortestUse)
    }
  }

  /// Ended copies of the target: its children without an exit signal. O(processes).
  static func zombies(of pid: Int32) -> [Int32] {
    guard let names = try? folderEntries("/proc") else { return [] }
    return names.compactMap { Int32($0) }.filter { child in
      guard let stat = try? Procfs.stat(of: child) else { return false }
      return stat.parent == pid && stat.state == "Z" && stat.isCopy
    }
  }

  /// Reaps one zombie. Must run on a tracing thread that ends afterwards, whatever happens.
  ///
  /// - Parameter deadline: monotonic nanoseconds. The first listing of the mappings does not count.
  /// - Returns: whether it is gone.
  func reap(_ zombie: Int32, deadline: UInt64) -> Bool {
    guard let number = try? Procfs.status(of: zombie).namespacePIDs.last else { return isGone(zombie) }
    guard let living = (try? Procfs.target(pid))?.memoryThread, var listing = Listing(of: living) else {
      return isGone(zombie)
    }
    let deadline = deadline &+ listing.cost
    var round = 0
    let start = Clocks.monotonic
    // A thousand threads that all sleep are not asked one by one until the time is over.
    let patience = start &+ (deadline > start ? (deadline - start) / 4 : 0)
    // Threads that were asked to stop and had not by the time they were given up.
    var late: [Tracee] = []
    defer { waitFor(&late) }
    while Clocks.monotonic < deadline {
      guard let threads = try? Procfs.threads(of: pid), !threads.isEmpty else { return isGone(zombie) }
      for tid in threads where Clocks.monotonic < deadline {
        // Sleepers are used last: they have to be restored by hand.
        letGo(&late)
        let isChoosy = round == 0 && Clocks.monotonic < patience
        if Clocks.monotonic > listing.end { listing = Listing(of: tid) ?? listing }
        let mayHaveChildren = round >= Self.parentRound || threads.count == 1
        let worstRank = isChoosy ? 2 : 3
        if useThread(
          tid, listing.mappings, worstRank: worstRank, mayHaveChildren: mayHaveChildren, child: number, late: &late),
          Clocks.poll(for: Self.goneLimit, until: { isGone(zombie) })
        {
          return true
        }
        if isGone(zombie) { return true }
      }
      round += 1
      letGo(&late)
      Clocks.sleep(5_000_000)
    }
    return isGone(zombie)
  }

  private func isGone(_ zombie: Int32) -> Bool {
    guard let stat = try? Procfs.stat(of: zombie) else { return true }
    return stat.parent != pid
  }

  /// The end of the tracing thread lets go what has not stopped by then, with no repair of the calls that it interrupted.
  private func waitFor(_ late: inout [Tracee]) {
    if late.isEmpty { return }
    guardian?.arm(milliseconds: ThreadGroup.lateArmMilliseconds)
    defer { guardian?.disarm() }
    let deadline = Clocks.monotonic &+ ThreadGroup.lateLimit
    while !late.isEmpty && Clocks.monotonic < deadline {
      Clocks.sleep(50_000)
      letGo(&late)
    }
  }

  /// Detaches those that have stopped since.
  private func letGo(_ late: inout [Tracee]) {
    late.removeAll { thread in
      var thread = thread
      guard thread.wait(until: 0) != .timedOut else { return false }
      if thread.readRegisters() { thread.repair() }
      thread.detach()
      return true
    }
  }

  private func useThread(
    _ tid: Int32, _ mappings: [Mapping], worstRank: Int, mayHaveChildren: Bool, child: Int32, late: inout [Tracee]
  ) -> Bool {
    if !mayHaveChildren && ParentThreads.isParent(pid: pid, thread: tid) { return false }
    guard let mappingsFile = try? Descriptor(reading: "/proc/\(tid)/maps"), clinux_seize(tid) >= 0 else { return false }
    var thread = Tracee(tid: tid)
    guardian?.arm(milliseconds: Self.armMilliseconds)
    // Runs after the thread was let go.
    defer { guardian?.disarm() }
    guard clinux_interrupt(tid) >= 0 else { return false }
    thread.state = .interrupted
    hook(.reapInterrupted)
    switch thread.wait(until: Clocks.monotonic &+ Self.stopLimit) {
    case .stopped: break
    case .ended: return false
    case .timedOut:
      late.append(thread)
      return false
    }
    defer { thread.detach() }
    guard thread.readRegisters() else { return false }
    thread.repair()
    if !mayHaveChildren && ParentThreads.isParent(pid: pid, thread: tid) { return false }
    guard let rank = InjectionChoice.rank(thread, mappings: mappings), rank <= worstRank,
      gadgets.isPresent(in: memory),
      (try? InjectionChoice.best(
        of: [thread], parents: [], pid: pid, mappings: mappings, memory: memory, mappingsFile: mappingsFile.number,
        allowsUnknownFilter: allowsUnknownFilter, calls: Injection.calls(gadgets: gadgets))) != nil
    else { return false }
    let injection = Injection(gadgets: gadgets, memory: memory, hook: hook)
    return (try? injection.reap(&thread, child: child)) != nil
  }
}
