import CLinux
import Glibc

/// A process that kills the tool when it holds the target for too long: stopped with Ctrl-Z, or stuck. The target then heals itself.
///
/// It cannot help where tool and guardian are frozen together by a control group.
final class Guardian: @unchecked Sendable {
  // Used by one thread at a time: the one that freezes, later the one that releases.
  private let command: Int32
  private let process: Int32

  /// Nil where no process may be started.
  init?() {
    var ends: [Int32] = [-1, -1]
    // A socket, because writing to a pipe that nobody reads would raise SIGPIPE in the tool.
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else { return nil }
    let child = clinux_start_guardian(ends[1])
    close(ends[1])
    guard child > 0 else {
      close(ends[0])
      return nil
    }
    command = ends[0]
    process = child
  }

  /// Kills the tool unless `disarm` is called within `milliseconds`.
  func arm(milliseconds: Int32) { send(max(1, milliseconds)) }
  func disarm() { send(0) }

  private func send(_ word: Int32) {
    var word = word
    // A guardian that somebody killed is no reason to fail.
    _ = Glibc.send(command, &word, MemoryLayout<Int32>.size, Int32(MSG_NOSIGNAL))
  }

  deinit {
    close(command)
    // It ends as soon as it sees the closed socket.
    if !Clocks.poll(for: 200_000_000, until: { clinux_consume_exit(process) != 0 }) {
      kill(process, SIGKILL)
      _ = Clocks.poll(for: 200_000_000, until: { clinux_consume_exit(process) != 0 })
    }
  }
}
