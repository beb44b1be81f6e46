import CLinux
import Glibc

/// Finds out why the kernel refused (man 2 ptrace, "Ptrace access mode checking"), so that the message can name the way out.
public enum Permission {
  /// `CAP_SYS_PTRACE` (include/uapi/linux/capability.h).
  public static let ptraceCapability: UInt64 = 1 << 19

  /// `kernel.yama.ptrace_scope`; 0 where the kernel has no Yama.
  public static var yamaScope: Int {
    guard let bytes = try? contents(of: "/proc/sys/kernel/yama/ptrace_scope", limit: 64),
      let digit = bytes.first, let value = hexDigit(digit)
    else { return 0 }
    return Int(value)
  }

  /// `CAP_SYS_ADMIN` (include/uapi/linux/capability.h).
  public static let adminCapability: UInt64 = 1 << 21

  /// Whether this process may read the seccomp filters of others (seccomp_get_filter in kernel/seccomp.c of Linux 6.x): `CAP_SYS_ADMIN` on the
  /// host, not only in a user namespace, and no filter of its own.
  public static var mayReadFilters: Bool {
    guard let status = try? Procfs.status(of: getpid()), let map = try? contents(of: "/proc/self/uid_map", limit: 4096)
    else { return false }
    return mayReadFilters(status, userMap: map)
  }

  static func mayReadFilters(_ own: ProcessStatus, userMap: [UInt8]) -> Bool {
    let words = String(decoding: userMap, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    let isInitial = words.elementsEqual(["0", "0", "4294967295"])
    return isInitial && own.seccompMode == 0 && own.effectiveCapabilities & adminCapability != 0
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
    let own = (try? contents(of: "/proc/self/status", limit: 1 << 16)).map(ProcessStatus.init(parsing:))
    let other = (try? contents(of: "/proc/\(pid)/status", limit: 1 << 16)).map(ProcessStatus.init(parsing:))
    return denial(own: own, other: other, user: geteuid(), yamaScope: yamaScope)
  }

  static func denial(own: ProcessStatus?, other: ProcessStatus?, user: UInt32, yamaScope: Int) -> Denial {
    if yamaScope >= 3 { return .yama(scope: yamaScope) }
    let ownCapabilities = own?.effectiveCapabilities ?? 0
    if ownCapabilities & ptraceCapability != 0 { return .securityModule }
    if let stranger = other?.userIDs.prefix(3).first(where: { $0 != user }) { return .otherUser(uid: stranger) }
    if let theirs = other?.permittedCapabilities, theirs & ~ownCapabilities != 0 { return .moreCapabilities }
    if yamaScope > 0 { return .yama(scope: yamaScope) }
    return .notDumpable
  }
}
