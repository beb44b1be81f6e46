import Glibc
import ProcessImage

/// What is to be watched: a process, the processes of a name, or a control group.
public enum Watched: Sendable, Hashable {
  case pid(Int32)
  /// A glob over the command's file name, or with a slash in it the beginning of the command line.
  case name(String)
  /// Folder of a control group.
  case group(String)

  public var description: String {
    switch self {
    case .pid(let pid): "process \(pid)"
    case .name(let name): "named \(name)"
    case .group(let path): "in \(path)"
    }
  }
}

/// What a process is, so that its successor after a restart can be told from others.
public struct ProcessIdentity: Sendable, Hashable {
  public var executable: String
  public var command: String

  public init(of pid: Int32) {
    executable = Procfs.executable(of: pid) ?? ""
    let bytes = (try? contents(of: "/proc/\(pid)/cmdline", limit: 1 << 16)) ?? []
    command = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
  }
}

/// The process that was looked at last, by which its restart is told from another instance of the same service: a second replica, a worker beside it.
private struct Former: Sendable {
  let identity: ProcessIdentity
  let groups: [ControlGroupMembership]
  /// Ticks since boot.
  let start: UInt64
  /// When it was known to live, in nanoseconds since boot.
  var seen: UInt64

  init(of pid: Int32) {
    identity = ProcessIdentity(of: pid)
    groups = ControlGroupMembership.all(of: pid)
    start = (try? Procfs.stat(of: pid))?.startTime ?? 0
    seen = Clocks.boot
  }

  /// How long one that was started after its end is waited for, before one that was started beside it counts. In nanoseconds.
  private static let patience: UInt64 = 3_000_000_000

  /// Those of the same program and arguments that were started since it was last seen. A service that hands over to its successor starts that
  /// before it ends: where nothing else comes, one that is younger than it and in its control group.
  func successors(among pids: [Int32]) -> [Int32] {
    let same = pids.compactMap { pid -> (pid: Int32, start: UInt64)? in
      guard let stat = try? Procfs.stat(of: pid), stat.startTime > start, ProcessIdentity(of: pid) == identity else {
        return nil
      }
      return (pid, stat.startTime)
    }
    // Starts are given in whole ticks.
    let tick = 1_000_000_000 / Clocks.ticksPerSecond
    let later = same.filter { (Double($0.start) + 1) * tick >= Double(seen) }
    if !later.isEmpty || Clocks.boot < seen &+ Self.patience { return later.map(\.pid) }
    return same.map(\.pid).filter { ControlGroupMembership.all(of: $0) == groups }
  }
}

/// Finds the process to look at, at first and after a restart.
struct TargetFinder: Sendable {
  let watched: Watched
  private var former: Former?
  /// Has started another program, which is looked at next.
  private var successor: Int32?

  init(_ watched: Watched) { self.watched = watched }

  /// The process, or nil where there is none now. Of several the one with most memory: the one that a limit hits.
  mutating func find() -> Int32? {
    let own = getpid()
    let next = successor
    successor = nil
    switch watched {
    case .pid(let pid):
      if let former, next == nil {
        let found = largest(former.successors(among: Self.allProcesses().filter { $0 != own }))
        if let found { self.former = Former(of: found) }
        return found
      }
      let found = next ?? pid
      guard next != nil || (try? Procfs.target(pid)) != nil else { return nil }
      former = Former(of: found)
      return found
    case .name(let pattern):
      if let next, Self.matches(next, pattern) { return next }
      return largest(Self.allProcesses().filter { $0 != own && Self.matches($0, pattern) })
    case .group(let path):
      guard let group = try? ControlGroupReader(folder: path) else { return nil }
      return largest(group.processes().filter { $0 != own })
    }
  }

  /// The process that is watched is still alive.
  mutating func saw() { former?.seen = Clocks.boot }

  /// The process that was watched has become another program. The watch goes on with that, unless a name was asked for that it does not have.
  mutating func follow(_ pid: Int32) { successor = pid }

  /// Whether a group holds a process that is so much larger than the one that is looked at that it must be the service: after a restart the
  /// shell around it was the only one there for a while.
  func hasLarger(than pid: Int32) -> Bool {
    guard case .group(let path) = watched, let group = try? ControlGroupReader(folder: path),
      let other = largest(group.processes().filter { $0 != getpid() }), other != pid,
      let theirs = try? Procfs.status(of: other).residentBytes, let own = try? Procfs.status(of: pid).residentBytes
    else { return false }
    return theirs / 2 > own && theirs &- own > Self.clearDifference
  }

  /// In bytes.
  private static let clearDifference: UInt64 = 8 << 20

  private func largest(_ pids: [Int32]) -> Int32? {
    pids.compactMap { pid -> (Int32, UInt64)? in
      guard let stat = try? Procfs.stat(of: pid), !stat.hasEnded, !stat.isKernelThread,
        let status = try? Procfs.status(of: pid), status.residentBytes > 0
      else { return nil }
      return (pid, status.residentBytes)
    }.max { $0.1 < $1.1 }?.0
  }

  static func allProcesses() -> [Int32] { ((try? folderEntries("/proc")) ?? []).compactMap { Int32($0) } }

  static func matches(_ pid: Int32, _ pattern: String) -> Bool {
    let name = Procfs.name(of: pid)
    if fnmatch(pattern, name, 0) == 0 { return true }
    let identity = ProcessIdentity(of: pid)
    let file = identity.executable.fileName ?? ""
    if !file.isEmpty, fnmatch(pattern, file, 0) == 0 { return true }
    // `memwhy watch --name x` has the pattern in its own command line; so may a shell around it.
    return pattern.contains("/") && identity.command.hasPrefix(pattern)
  }
}
