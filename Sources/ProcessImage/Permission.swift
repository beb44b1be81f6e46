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
  private static let adminCapability: UInt64 = 1 << 21
  /// The host's own user namespace (`PROC_USER_INIT_INO` of include/linux/proc_ns.h).
  private static let hostUserNamespace = "user:[4026531837]"

  /// Whether the kernel lets this process read the seccomp filters of others: only one that has `CAP_SYS_ADMIN` on the host and runs under
  /// none itself may (`seccomp_get_filter` of Linux kernel/seccomp.c).
  static var mayReadFilters: Bool {
    guard let own = (try? contents(of: "/proc/self/status", limit: 1 << 16)).map(ProcessStatus.init(parsing:)) else {
      return false
    }
    return mayReadFilters(own: own, userNamespace: linkTarget("/proc/self/ns/user"))
  }

  static func mayReadFilters(own: ProcessStatus, userNamespace: String?) -> Bool {
    own.effectiveCapabilities & adminCapability != 0 && own.seccompMode == 0
      && (userNamespace ?? hostUserNamespace) == hostUserNamespace
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
