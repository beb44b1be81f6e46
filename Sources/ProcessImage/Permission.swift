import CLinux
import Glibc

/// Finds out why the kernel refused (man 2 ptrace, "Ptrace access mode checking"), so that the message can name the way out.
public enum Permission {
  /// `CAP_SYS_PTRACE` (include/uapi/linux/capability.h).
  public static let ptraceCapability: UInt64 = 1 << 19

  /// `CAP_DAC_OVERRIDE` (include/uapi/linux/capability.h).
  static let overrideCapability: UInt64 = 1 << 1

  /// `kernel.yama.ptrace_scope`; 0 where the kernel has no Yama.
  public static var yamaScope: Int {
    guard let bytes = try? contents(of: "/proc/sys/kernel/yama/ptrace_scope", limit: 64),
      let digit = bytes.first, let value = hexDigit(digit)
    else { return 0 }
    return Int(value)
  }

  /// `CAP_SYS_ADMIN` (include/uapi/linux/capability.h).
  static let adminCapability: UInt64 = 1 << 21

  /// Whether this process may read the seccomp filters of others (seccomp_get_filter in kernel/seccomp.c of Linux 6.x): `CAP_SYS_ADMIN` on the
  /// host, not only in a user namespace, and no filter of its own.
  public static var mayReadFilters: Bool {
    guard let status = try? Procfs.status(of: getpid()), let map = try? contents(of: "/proc/self/uid_map", limit: 4096)
    else { return false }
    return mayReadFilters(status, userMap: map)
  }

  static func mayReadFilters(_ own: ProcessStatus, userMap: [UInt8]) -> Bool {
    return isOfHost(userMap: userMap) && own.seccompMode == 0 && own.effectiveCapabilities & adminCapability != 0
  }

  /// Whether a process with this `/proc/PID/uid_map` is in the host's user namespace, and not in one below it.
  static func isOfHost(userMap: [UInt8]) -> Bool {
    String(decoding: userMap, as: UTF8.self).split(whereSeparator: \.isWhitespace).elementsEqual([
      "0", "0", "4294967295",
    ])
  }

  /// This user made the user namespace that a process is in, as a container without root does: its processes may be traced whatever user and
  /// capabilities they have inside (cap_capable in security/commoncap.c of Linux 6.x, user_namespaces(7)).
  public static func ownsNamespace(of pid: Int32) -> Bool {
    guard let theirs = linkTarget("/proc/\(pid)/ns/user"), theirs != linkTarget("/proc/self/ns/user"),
      let file = try? Descriptor(reading: "/proc/\(pid)/ns/user")
    else { return false }
    // NS_GET_OWNER_UID (include/uapi/linux/nsfs.h); fails where the namespace is not below this one.
    var owner = uid_t.max
    return ioctl(file.number, 0xb704, &owner) == 0 && owner == geteuid()
  }

  /// A seccomp filter forbids ptrace to this process: asked by attaching to a process that cannot exist.
  public static var isTracingFiltered: Bool {
    let result = clinux_seize(.max)
    return result == -Int(EPERM) || result == -Int(ENOSYS)
  }

  /// The most likely reason for an `EACCES` or `EPERM` on process `pid`.
  public static func denial(pid: Int32) -> Denial {
    let own = (try? contents(of: "/proc/self/status", limit: 1 << 16)).map { ProcessStatus(parsing: $0) }
    let other = (try? contents(of: "/proc/\(pid)/status", limit: 1 << 16)).map { ProcessStatus(parsing: $0) }
    let isInNamespace = (try? contents(of: "/proc/self/uid_map", limit: 4096)).map { !isOfHost(userMap: $0) } ?? false
    return denial(
      own: own, other: other, user: geteuid(), yamaScope: yamaScope, isFiltered: isTracingFiltered,
      isInNamespace: isInNamespace)
  }

  static func denial(
    own: ProcessStatus?, other: ProcessStatus?, user: UInt32, yamaScope: Int, isFiltered: Bool = false,
    isInNamespace: Bool = false
  ) -> Denial {
    let capabilities = own?.effectiveCapabilities ?? 0
    if let known = denialByRules(of: other, user: user, capabilities: capabilities, yamaScope: yamaScope) {
      return known
    }
    if isFiltered { return .filtered }
    guard capabilities & ptraceCapability != 0 else { return .notDumpable }
    return isInNamespace ? .otherNamespace : .securityModule
  }

  /// Why the rules that can be seen in /proc keep a user with these capabilities from attaching to a process; nil where they do not.
  public static func denialByRules(
    of other: ProcessStatus?, user: UInt32, capabilities: UInt64, yamaScope: Int, ownsNamespace: Bool = false
  ) -> Denial? {
    if yamaScope >= 3 { return .yama(scope: yamaScope) }
    let stranger = other?.userIDs.prefix(3).first { $0 != user }
    if capabilities & ptraceCapability != 0 {
      guard let stranger, capabilities & overrideCapability == 0 else { return nil }
      return .otherUsersFiles(uid: stranger)
    }
    // Yama asks for the capability in the process's own namespace, too.
    if ownsNamespace { return nil }
    if let stranger { return .otherUser(uid: stranger) }
    if let theirs = other?.permittedCapabilities, theirs & ~capabilities != 0 { return .moreCapabilities }
    return yamaScope > 0 ? .yama(scope: yamaScope) : nil
  }
}
