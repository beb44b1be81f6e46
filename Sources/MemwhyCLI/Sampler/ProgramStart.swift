import Glibc
import Synchronization

/// Signals while a program is being started under the sampler: before that they end the command and take its unused table away, whose room is
/// reserved; afterwards they are the program's.
final class ProgramStart: Sendable {
  private let pid = Mutex<pid_t?>(nil)
  /// Files that are this command's alone, whether they are there yet or not.
  private let drafts: [String]

  init(drafts: [String]) { self.drafts = drafts }

  /// Call before the table is made.
  func begin() {
    Interruption.shared.forward { [self] signal, isFromTerminal in
      pid.withLock { pid in
        if let pid {
          // What the terminal sends, the program has got from it already.
          if !isFromTerminal { kill(pid, signal) }
          return
        }
        for draft in drafts { unlink(draft) }
        Terminal.error("\nmemwhy: interrupted before the program was started\n")
        _exit(128 + signal)
      }
    }
  }

  /// A signal meanwhile waits for the program.
  ///
  /// - Parameter start: starts it.
  func run(_ start: () throws(CLIError) -> pid_t) throws(CLIError) -> pid_t {
    try pid.withLock { pid throws(CLIError) in
      let started = try start()
      pid = started
      return started
    }
  }
}
