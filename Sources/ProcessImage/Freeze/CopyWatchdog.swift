import CLinux
import Glibc
import Synchronization

/// Watches the target while its copy lives. The copy is killed when the target's memory limit comes near, because every page that the
/// target writes is copied on its account, and when the target ends, because the copy would hold its sockets open.
final class CopyWatchdog: @unchecked Sendable {
  enum Outcome: Int, Sendable {
    case none, noHeadroom, targetEnded
    /// By somebody else: the watchdog never says so itself.
    case killed
  }

  private let limits: MemoryLimits
  private let reserve: UInt64
  /// Names of the control groups that this process is in as well.
  private let ownGroups: Set<String>
  private let copy: Int32
  private let target: Int32
  private let stopEnds: (read: Int32, write: Int32)
  private let state = Atomic<Int>(Outcome.none.rawValue)
  private var thread: SystemThread?

  /// A writer dirties up to 0.6 GB/s: 3 MiB in this time.
  private static let intervalMilliseconds: Int32 = 5
  /// With more room than this, in bytes, page cache that can be dropped is not looked up.
  private static let near: UInt64 = 256 << 20
  /// The copy goes when the target would reach its limit within this time if it kept on writing as fast: on a machine without an
  /// idle core, seeing it and taking the copy apart can each wait for some time slices. While the copy's memory is being
  /// taken apart the kernel no longer regards the copy as a process to kill, and would choose the target.
  private static let noticeNanoseconds: UInt64 = 120_000_000

  /// - Parameter copy, target: pidfds; they stay the caller's.
  init?(limits: MemoryLimits, reserve: UInt64, copy: Int32, target: Int32) {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else { return nil }
    self.limits = limits
    self.reserve = reserve
    ownGroups = MemoryLimits(pid: getpid()).names
    self.copy = copy
    self.target = target
    stopEnds = (ends[0], ends[1])
    // Unretained is safe: `stop` joins the thread before the object goes.
    guard let thread = SystemThread({ [unowned(unsafe) self] in watch() }) else {
      close(ends[0])
      close(ends[1])
      return nil
    }
    self.thread = thread
  }

  var outcome: Outcome { Outcome(rawValue: state.load(ordering: .acquiring)) ?? .none }

  private func watch() {
    // Best effort, and only for this thread: needs CAP_SYS_NICE.
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, -20)
    var last: (time: UInt64, room: UInt64, own: UInt64)?
    while true {
      var files = [
        pollfd(fd: stopEnds.read, events: Int16(POLLIN), revents: 0),
        pollfd(fd: target, events: Int16(POLLIN), revents: 0),
      ]
      let ready = poll(&files, 2, Self.intervalMilliseconds)
      if files[0].revents != 0 { return }
      if ready > 0 && files[1].revents != 0 { return give(up: .targetEnded) }
      guard let tightest = limits.tightest(enough: Self.near) else { continue }
      let now = Clocks.monotonic
      // What this process itself takes from the same limit is no reason to expect more, and is watched elsewhere.
      let own = ownGroups.contains(tightest.group.name) ? OwnRoom.anonymousBytes : 0
      var spent: UInt64 = 0
      if let last, last.room > tightest.room, now > last.time {
        let decrease = last.room - tightest.room
        let rate = Double(decrease - min(own - min(last.own, own), decrease)) / Double(now - last.time)
        spent = UInt64(rate * Double(Self.noticeNanoseconds))
      }
      last = (now, tightest.room, own)
      if tightest.room < max(reserve, spent) { return give(up: .noHeadroom) }
    }
  }

  private func give(up outcome: Outcome) {
    state.store(outcome.rawValue, ordering: .releasing)
    _ = clinux_pidfd_kill(copy)
    // The copy may wait long for a core on which to end; its memory does not have to.
    _ = clinux_pidfd_release_memory(copy)
  }

  /// Ends the thread. Safe to call twice, from one thread.
  func stop() {
    guard let thread else { return }
    self.thread = nil
    close(stopEnds.write)
    thread.join()
    close(stopEnds.read)
  }

  deinit { stop() }
}
