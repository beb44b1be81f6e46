import CLinux
import Glibc
import Synchronization

/// Watches the target while its copy lives. The copy is killed when the target's memory limit comes near, because every page that the
/// target writes is copied on its account, and when the target ends, because the copy would hold its sockets open.
final class CopyWatchdog: @unchecked Sendable {
  enum Outcome: Int, Sendable { case none, noHeadroom, targetEnded }

  private let limits: MemoryLimits
  private let reserve: UInt64
  private let copy: Int32
  private let target: Int32
  private let stopEnds: (read: Int32, write: Int32)
  private let state = Atomic<Int>(Outcome.none.rawValue)
  private var thread: pthread_t?

  /// A writer dirties up to 0.6 GB/s: 3 MiB in this time.
  private static let intervalMilliseconds: Int32 = 5

  /// - Parameter copy, target: pidfds; they stay the caller's.
  init?(limits: MemoryLimits, reserve: UInt64, copy: Int32, target: Int32) {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else { return nil }
    self.limits = limits
    self.reserve = reserve
    self.copy = copy
    self.target = target
    stopEnds = (ends[0], ends[1])
    var handle = pthread_t()
    let me = Unmanaged.passUnretained(self)
    // Unretained is safe: `stop` joins the thread before the object goes.
    let result = pthread_create(
      &handle, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<CopyWatchdog>.fromOpaque(argument).takeUnretainedValue().watch()
        return nil
      }, me.toOpaque())
    guard result == 0 else {
      close(ends[0])
      close(ends[1])
      return nil
    }
    thread = handle
  }

  var outcome: Outcome { Outcome(rawValue: state.load(ordering: .acquiring)) ?? .none }

  private func watch() {
    while true {
      var files = [
        pollfd(fd: stopEnds.read, events: Int16(POLLIN), revents: 0),
        pollfd(fd: target, events: Int16(POLLIN), revents: 0),
      ]
      let ready = poll(&files, 2, Self.intervalMilliseconds)
      if files[0].revents != 0 { return }
      if ready > 0 && files[1].revents != 0 { return give(up: .targetEnded) }
      if let tightest = limits.tightest(enough: reserve), tightest.room < reserve { return give(up: .noHeadroom) }
    }
  }

  private func give(up outcome: Outcome) {
    state.store(outcome.rawValue, ordering: .releasing)
    _ = clinux_pidfd_kill(copy)
  }

  /// Ends the thread. Safe to call twice, from one thread.
  func stop() {
    guard let thread else { return }
    self.thread = nil
    close(stopEnds.write)
    pthread_join(thread, nil)
    close(stopEnds.read)
  }

  deinit { stop() }
}
