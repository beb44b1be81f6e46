import Foundation
import TestSupport

@testable import ProcessImage

/// `freeze-victim`, a tool of its own process that tests kill.
struct VictimTool {
  let pid: pid_t

  static let path = TestProgram.built("freeze-victim")

  /// Starts it without waiting. Its output is discarded.
  ///
  /// - Parameter errors: the file to which it writes errors.
  init(_ target: Int32, _ arguments: [String] = [], errors: String = "/dev/null") throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor: Int32 in [0, 1] {
      posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
    }
    posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    var words: [UnsafeMutablePointer<CChar>?] = ([Self.path, "\(target)"] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var pid: pid_t = 0
    let result = posix_spawn(&pid, Self.path, &actions, nil, &words, environ)
    guard result == 0 else { throw TestFailure("cannot start \(Self.path): \(systemMessage(result))") }
    self.pid = pid
  }

  enum End: Equatable {
    case exited(Int32)
    case killed(Int32)
  }

  /// Waits for its end; nil where that takes longer, in which case it is killed.
  func end(within seconds: TimeInterval) -> End? {
    let deadline = Date().addingTimeInterval(seconds)
    var status: Int32 = 0
    while true {
      let result = waitpid(pid, &status, WNOHANG)
      if result == pid { break }
      if result < 0 && errno != EINTR { return nil }
      if Date() >= deadline {
        print("the tool did not end:", situation)
        kill(pid, SIGKILL)
        return nil
      }
      usleep(500)
    }
    return status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .killed(status & 0x7f)
  }

  /// Where each of its threads and children stands, for the report of a failure.
  private var situation: String {
    let family = [pid] + children(of: pid).map(\.pid)
    return family.map { process in
      let threads = ((try? Procfs.threads(of: process)) ?? []).map { tid in
        let state = Procfs.stat(of: process, thread: tid).map { "\($0.state)" } ?? "?"
        let place = (try? contents(of: "/proc/\(process)/task/\(tid)/stack")).map {
          String(decoding: $0, as: UTF8.self)
        }
        return "\(tid) \(state) \((place ?? "").split(separator: "\n").prefix(4).joined(separator: " "))"
      }
      return "process \(process): \(threads.joined(separator: "; "))"
    }.joined(separator: "\n")
  }
}
