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
  private static let signals = [SIGINT, SIGTERM, SIGHUP]

  /// Call first in `main`, before other threads are there: they inherit the blocked signals.
  func install() {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in Self.signals { sigaddset(&set, signal) }
    guard pthread_sigmask(SIG_BLOCK, &set, nil) == 0 else { return }
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { _ in
        Interruption.shared.wait()
        return nil
      }, nil)
    // Without the thread the signals do what they always do.
    if code != 0 { pthread_sigmask(SIG_UNBLOCK, &set, nil) } else { pthread_detach(thread) }
  }

  /// The copy that has to go with the command; nil for none.
  func protect(_ frozen: FrozenProcess?) { process.withLock { $0 = frozen } }

  /// What the first signal does instead of ending the command at once; the second one ends it. nil for the usual way.
  func endGently(_ body: (@Sendable () -> Void)?) { ending.withLock { $0 = body } }

  /// Ends the copy before the command ends in the ordinary way while it is still read.
  func release() { process.withLock { $0 }?.release() }

  private func wait() {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in Self.signals { sigaddset(&set, signal) }
    var signal: Int32 = 0
    guard sigwait(&set, &signal) == 0 else { return }
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
