import Glibc
import ProcessImage
import Synchronization

/// Ctrl-C and SIGTERM: the frozen copy is ended and reaped before the command goes, so that nothing is left in the target.
///
/// A SIGKILL is safe as well; it only leaves an ended child, which the next run removes.
final class Interruption: Sendable {
  static let shared = Interruption()
  private let process = Mutex<FrozenProcess?>(nil)
  /// Held while a copy is made.
  private let making = Mutex(())
  private let ending = Mutex<(@Sendable () -> Void)?>(nil)
  private let forwarding = Mutex<(@Sendable (Int32, _ isFromTerminal: Bool) -> Void)?>(nil)
  private static let signals = [SIGINT, SIGTERM, SIGHUP]
  /// `si_code` of a signal that the kernel made: the terminal's, which every process in the foreground gets by itself.
  static let fromKernel: Int32 = 0x80

  /// Call first in `main`, before other threads are there: they inherit the blocked signals.
  func install() {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in Self.signals { sigaddset(&set, signal) }
    // The waiting thread takes no other signals: what the main thread blocks stays blocked.
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    guard pthread_sigmask(SIG_BLOCK, &all, &before) == 0 else { return }
    let thread = SystemThread { Interruption.shared.wait() }
    pthread_sigmask(SIG_SETMASK, &before, nil)
    guard let thread else { return }  // without it the signals do what they always do
    pthread_sigmask(SIG_BLOCK, &set, nil)
    thread.detach()
  }

  /// Makes the copy that has to go with the command. A signal meanwhile waits for it: a copy of which nobody knows yet would be killed with
  /// the command, and its ended process would stay in the target.
  func protecting<Made, Failure>(
    _ make: () throws(Failure) -> (made: Made, copy: FrozenProcess)
  ) throws(Failure) -> Made {
    try making.withLock { _ throws(Failure) in
      let (made, copy) = try make()
      process.withLock { $0 = copy }
      return made
    }
  }

  /// Ends the copy `frozen`, after which nothing has to go with the command. A signal meanwhile waits for that.
  ///
  /// - Returns: what did not work, in sentences.
  func release(_ frozen: FrozenProcess) -> [String] {
    defer { process.withLock { if $0 === frozen { $0 = nil } } }
    return frozen.release()
  }

  /// What the first signal does instead of ending the command at once; the second one ends it. nil for the usual way.
  func endGently(_ body: (@Sendable () -> Void)?) { ending.withLock { $0 = body } }

  /// Ends the copy before the command ends in the ordinary way while it is still read.
  func release() { process.withLock { $0 }?.release() }

  /// Ends the command before it costs the process its memory.
  func abandon(_ reason: String) {
    process.withLock { $0 }?.release()
    CountingRun.begin(reason)
    Terminal.error("\nmemwhy: \(reason)\n")
    _exit(ExitStatus.notPermitted)
  }

  /// Hands every signal on instead of ending: the command only accompanies another one.
  func forward(_ body: @escaping @Sendable (Int32, _ isFromTerminal: Bool) -> Void) {
    forwarding.withLock { $0 = body }
  }

  private func wait() {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in Self.signals { sigaddset(&set, signal) }
    var info = siginfo_t()
    let signal = sigwaitinfo(&set, &info)
    guard signal > 0 || errno == EINTR else { return }
    if signal <= 0 { return wait() }
    if let forward = forwarding.withLock({ $0 }) {
      forward(signal, info.si_code == Self.fromKernel)
      return wait()
    }
    let gentle = ending.withLock { body in
      defer { body = nil }
      return body
    }
    if let gentle {
      gentle()
      return wait()
    }
    let deadline = Clocks.monotonic &+ Self.makingLimit
    while Clocks.monotonic < deadline {
      _ = making.withLockIfAvailable { _ in leave(signal) }
      usleep(2_000)
    }
    leave(signal)
  }

  /// Attempts to stop a process that does not stop take about as long.
  private static let makingLimit: UInt64 = 3_000_000_000

  private func leave(_ signal: Int32) {
    process.withLock { $0 }?.release()
    Terminal.error("\nmemwhy: interrupted; the process runs on\n")
    _exit(128 + signal)
  }
}
