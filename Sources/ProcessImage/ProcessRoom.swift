import Dispatch
import Glibc

/// Whether the control groups of a process allow it one more thread or process (Documentation/admin-guide/cgroup-v2.rst, "PID"; version 1 has the
/// same files).
package enum ProcessRoom {
  /// The limit that does not, in words; nil where there is room, or nothing can be seen of it.
  package static func exhausted(of pid: Int32) -> String? {
    let memberships = ControlGroupMembership.all(of: pid)
    for mount in ControlGroupMount.all {
      for membership in memberships where mount.shows(membership, controller: "pids") {
        var isHidden = false
        for folder in mount.folders(for: membership.path, isHidden: &isHidden) {
          guard let most = number("\(folder)/pids.max"), let now = number("\(folder)/pids.current"), now >= most else {
            continue
          }
          return "pids.max of \(folder) is \(most)"
        }
      }
    }
    return nil
  }

  /// Why this process could start no thread, and what to do, in a sentence.
  package static var ownLack: String {
    let limit = exhausted(of: getpid()) ?? "its `ulimit -u`, or the machine's kernel.threads-max, is reached"
    return "memwhy may not start one more thread (\(limit)); raise that limit, or start memwhy outside of the container"
  }

  /// Whether this process may have so many threads more at once: tried, since the kernel's answer is all that counts.
  package static func hasRoom(forThreads count: Int) -> Bool {
    let go = DispatchSemaphore(value: 0)
    let threads = (0..<count).map { _ in SystemThread { go.wait() } }
    for _ in threads { go.signal() }
    for thread in threads { thread?.join() }
    return threads.allSatisfy { $0 != nil }
  }

  /// Whether this process may open so many files more at once, tried as well. With none left libdispatch ends the program (DISPATCH_INTERNAL_CRASH in
  /// swift-corelibs-libdispatch, `_dispatch_workq_monitor_pools`), which reads `/proc` for each of its threads.
  package static func hasRoom(forFiles count: Int) -> Bool {
    let files = (0..<count).map { _ in open("/dev/null", O_RDONLY | O_CLOEXEC) }
    for file in files where file >= 0 { close(file) }
    return files.allSatisfy { $0 >= 0 }
  }

  private static func number(_ path: String) -> UInt64? {
    (try? contents(of: path, limit: 64)).flatMap { UInt64(String(decoding: $0.prefix { $0 > 32 }, as: UTF8.self)) }
  }
}
