import CLinux
import Glibc
import Synchronization

/// The living copy of a target: a child of it that never runs an instruction. Ends with `release`, or with this object.
final class FrozenCopy: Sendable {
  let target: Int32
  let child: Int32
  private let tracer: TracerThread
  private let reaper: Reaper
  private let pidfd: Int32
  private let targetPidfd: Int32
  private let watchdog: CopyWatchdog?
  /// Attempts before it were given up. A copy that came after that has ended by itself, and is the target's to reap as well.
  private let hasForerunners: Bool
  private let isReleased = Mutex<[String]?>(nil)

  /// Exiting takes 60-100 ms per GiB; a stalled host takes longer.
  private static let exitLimit: UInt64 = 10_000_000_000
  private static let reapLimit: UInt64 = 1_500_000_000

  /// Takes over `tracer` and both pidfds.
  init(
    target: Int32, child: Int32, tracer: TracerThread, reaper: Reaper, pidfd: Int32,
    targetPidfd: Int32, watchdog: CopyWatchdog?, hasForerunners: Bool
  ) {
    self.target = target
    self.child = child
    self.tracer = tracer
    self.reaper = reaper
    self.pidfd = pidfd
    self.targetPidfd = targetPidfd
    self.watchdog = watchdog
    self.hasForerunners = hasForerunners
  }

  /// Why the copy ended before its release, if it did. Never `none` once a read has found the copy's memory gone.
  var outcome: CopyWatchdog.Outcome {
    isReleased.withLock { remarks in
      if let outcome = watchdog?.outcome, outcome != .none { return outcome }
      // Its memory goes shortly before the process is seen to have ended; the watchdog, who may wait for a core, can be later still.
      guard remarks == nil, isMemoryGone else { return .none }
      return Self.hasEnded(targetPidfd) ? .targetEnded : .killed
    }
  }

  private var isMemoryGone: Bool { (try? LiveMemory(pid: child)) == nil || Self.hasEnded(pidfd) }

  private static func hasEnded(_ pidfd: Int32) -> Bool {
    var file = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
    return pidfd >= 0 && poll(&file, 1, 0) > 0
  }

  /// Runs `body` on the thread to which the copy answers. `ended` after `release`.
  func trial<Result>(_ body: @escaping () throws(TrialRun.Failure) -> Result) throws(TrialRun.Failure) -> Result {
    let outcome = tracer.run { Swift.Result { () throws(TrialRun.Failure) in try body() } }
    guard let outcome else { throw .ended }
    return try outcome.get()
  }

  /// Kills the copy and makes the target reap it. Safe to call from any thread, any number of times; the first call does it.
  ///
  /// - Returns: what did not work, in sentences.
  @discardableResult
  func release() -> [String] {
    isReleased.withLock { remarks in
      if let remarks { return remarks }
      let result = end()
      remarks = result
      return result
    }
  }

  private func end() -> [String] {
    var remarks: [String] = []
    watchdog?.stop()
    if pidfd < 0 || clinux_pidfd_kill(pidfd) < 0 { kill(child, SIGKILL) }
    let (child, reaper) = (child, reaper)
    let hasEnded = tracer.run {
      Clocks.poll(for: Self.exitLimit, interval: 200_000) { clinux_consume_exit(child) != 0 }
    }
    if hasEnded != true { remarks.append("the copy \(child) of process \(target) takes long to exit; it was killed") }
    reaper.hook(.killed)
    let isReaped = tracer.run { reaper.reap(child, deadline: Clocks.monotonic &+ Self.reapLimit) }
    if hasForerunners {
      let target = target
      _ = tracer.run {
        for zombie in Reaper.zombies(of: target) where zombie != child {
          _ = reaper.reap(zombie, deadline: Clocks.monotonic &+ Self.reapLimit)
        }
      }
    }
    // Detaches whatever might still be attached.
    tracer.end()
    if isReaped != true {
      remarks.append("process \(target) keeps the zombie \(child) of its copy; the next run removes it")
    }
    for descriptor in [pidfd, targetPidfd] where descriptor >= 0 { close(descriptor) }
    return remarks
  }

  deinit { release() }
}
