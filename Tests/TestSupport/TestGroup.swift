import Foundation

/// A control group of a test's own, version 1 or 2. Says aloud where there is none and the test is skipped.
public final class TestGroup: Sendable {
  public let path: String
  public let isUnified: Bool

  /// Nil without root or without the controller.
  public init?(controller: String) {
    guard geteuid() == 0 else {
      print("skipped: control groups need root")
      return nil
    }
    let name = "memwhy-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    let old = "/sys/fs/cgroup/\(controller)"
    if FileManager.default.fileExists(atPath: old + "/cgroup.procs") {
      isUnified = false
      path = old + "/" + name
    } else {
      let unified = "/sys/fs/cgroup"
      // The freezer of version 2 is no controller: every group has it.
      let isAlwaysThere = controller == "freezer"
      let enabled = try? String(contentsOfFile: unified + "/cgroup.subtree_control", encoding: .utf8)
      guard
        isAlwaysThere && enabled != nil
          || enabled?.split(whereSeparator: \.isWhitespace).contains(Substring(controller)) == true
      else {
        print("skipped: no \(controller) controller, neither version 1 nor 2")
        return nil
      }
      isUnified = true
      path = unified + "/" + name
    }
    guard mkdir(path, 0o755) == 0 else {
      print("skipped: cannot make \(path)")
      return nil
    }
  }

  /// The command line that runs a program inside the group.
  public var command: (String, [String]) -> (String, [String]) {
    { [path] program, arguments in
      (
        "/bin/sh",
        ["-c", "echo 0 > /proc/self/oom_score_adj; echo $$ > \(path)/cgroup.procs && exec \"$@\"", "sh", program]
          + arguments
      )
    }
  }

  @discardableResult
  public func write(_ file: String, _ text: String) -> Bool {
    let descriptor = open("\(path)/\(file)", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return text.withCString { Glibc.write(descriptor, $0, strlen($0)) } > 0
  }

  public func number(_ file: String) -> UInt64? {
    (try? String(contentsOfFile: "\(path)/\(file)", encoding: .utf8)).flatMap {
      UInt64($0.trimmingCharacters(in: .whitespacesAndNewlines))
    }
  }

  public var memoryUsage: UInt64 { number(isUnified ? "memory.current" : "memory.usage_in_bytes") ?? 0 }
  public var memoryPeak: UInt64 { number(isUnified ? "memory.peak" : "memory.max_usage_in_bytes") ?? 0 }
  public func limitMemory(_ bytes: UInt64?) {
    write(isUnified ? "memory.max" : "memory.limit_in_bytes", bytes.map { "\($0)" } ?? (isUnified ? "max" : "-1"))
  }

  /// Whether the kernel has ended a process for going beyond the limit; nil where it does not say.
  public var outOfMemoryKills: UInt64? {
    let file = isUnified ? "memory.events" : "memory.oom_control"
    let text = (try? String(contentsOfFile: "\(path)/\(file)", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }.flatMap { UInt64($0.dropFirst(9)) }
  }

  /// SIGKILL to everything in it: what a shell has started there has no other handle.
  public func endAll() {
    let text = (try? String(contentsOfFile: "\(path)/cgroup.procs", encoding: .utf8)) ?? ""
    for pid in text.split(separator: "\n").compactMap({ Int32($0) }) where pid > 1 { kill(pid, SIGKILL) }
  }

  /// Once everything in it has ended.
  public func remove() {
    if !eventually(within: 5, { rmdir(path) == 0 }) { print("cannot remove \(path)") }
  }
}

extension Command {
  public static func exists(_ tool: String) -> Bool {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/\(tool)")
    }
  }
}

/// Waits until something holds.
///
/// - Returns: whether it did within the time.
public func eventually(within seconds: TimeInterval, _ condition: () -> Bool) -> Bool {
  let deadline = Date().addingTimeInterval(seconds)
  while !condition() {
    if Date() > deadline { return false }
    usleep(2_000)
  }
  return true
}
