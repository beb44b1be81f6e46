import Glibc
import ProcessImage
import Synchronization

/// Ctrl-C and SIGTERM: the frozen copy is ended and reaped before the command goes, so that nothing is left in the target.
///
/// A SIGKILL is safe as well; it only leaves an ended child, which the next run removes.
final class Interruption: Sendable {
  static let shared = Interruption()
  private let process = Mutex<FrozenProcess?>(nil)
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
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { _ in
        Interruption.shared.wait()
        return nil
      }, nil)
    pthread_sigmask(SIG_SETMASK, &before, nil)
    guard code == 0 else { return }  // without the thread the signals do what they always do
    pthread_sigmask(SIG_BLOCK, &set, nil)
    pthread_detach(thread)
  }

  /// The copy that has to go with the command; nil for none.
  func protect(_ frozen: FrozenProcess?) { process.withLock { $0 = frozen } }

  /// What the first signal does instead of ending the command at once; the second one ends it. nil for the usual way.
  func endGently(_ body: (@Sendable () -> Void)?) { ending.withLock { $0 = body } }

  /// Ends the copy before the command ends in the ordinary way while it is still read.
  func release() { process.withLock { $0 }?.release() }

  /// Ends the command before it costs the process its memory.
  func abandon(_ reason: String) {
    process.withLock { $0 }?.release()
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
    process.withLock { $0 }?.release()
    Terminal.error("\nmemwhy: interrupted; the process runs on\n")
    _exit(128 + signal)
  }
}
