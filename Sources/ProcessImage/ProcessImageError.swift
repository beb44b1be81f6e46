import Glibc

/// What can go wrong between a process id (or a core file) and its image. Each case says what was attempted and what to do next.
public enum ProcessImageError: Error, Hashable, Sendable {
  case noSuchProcess(pid: Int32)
  /// `/proc` is that of another process namespace.
  case foreignProc
  /// The number is a thread of a process, not a process.
  case isThread(tid: Int32, process: Int32)
  case kernelThread(pid: Int32, name: String)
  /// It has ended and only waits for its parent.
  case zombie(pid: Int32, name: String, parent: Int32)
  /// It ended, or started another program, while it was being read.
  case processGone(pid: Int32, attempted: String)
  case notPermitted(pid: Int32, attempted: String, reason: Denial)
  /// A program that memwhy cannot read, for instance a 32-bit one.
  case unsupportedTarget(pid: Int32, reason: String)
  /// A system call on a file failed; `code` is `errno`.
  case cannotRead(path: String, code: Int32)
  /// A file or memory of the target is not what its format says.
  case malformed(what: String, reason: String)
  case notACore(path: String, reason: String)
  /// Nothing of use is left of the core file.
  case truncatedCore(path: String, size: UInt64, expected: UInt64)
}

/// Why the kernel refused access to another process.
public enum Denial: Hashable, Sendable {
  /// It belongs to another user.
  case otherUser(uid: UInt32)
  /// `kernel.yama.ptrace_scope` restricts even the same user.
  case yama(scope: Int)
  /// It holds capabilities that this process lacks.
  case moreCapabilities
  /// It has made itself unreadable: `PR_SET_DUMPABLE 0`, or an executable with file capabilities or without read permission.
  case notDumpable
  /// This process has `CAP_SYS_PTRACE`, but the files in `/proc` belong to another user.
  case otherUsersFiles(uid: UInt32)
  /// A seccomp filter of this process forbids ptrace to it, whatever the other process is.
  case filtered
  /// This process has its capabilities in a user namespace only, in which the other one is not.
  case otherNamespace
  /// This process has `CAP_SYS_PTRACE` already: SELinux or AppArmor refused.
  case securityModule

  /// What stands in the way, as a sentence of its own.
  public var cause: String {
    switch self {
    case .otherUser(let uid): "the process belongs to the user with id \(uid)"
    case .yama(let scope) where scope >= 3:
      "kernel.yama.ptrace_scope is \(scope), which forbids it to everybody until the next boot"
    case .yama(let scope): "kernel.yama.ptrace_scope is \(scope), and memwhy lacks CAP_SYS_PTRACE"
    case .moreCapabilities: "the process holds capabilities that memwhy lacks"
    case .notDumpable:
      "the process has made itself unreadable for its own user (PR_SET_DUMPABLE 0 or file capabilities)"
    case .otherUsersFiles(let uid):
      "the process belongs to the user with id \(uid), whose files in /proc take CAP_DAC_OVERRIDE beside CAP_SYS_PTRACE"
    case .filtered: "a seccomp filter, such as that of memwhy's own container, forbids ptrace to memwhy"
    case .otherNamespace:
      "memwhy has CAP_SYS_PTRACE in its own user namespace only (a container without root), and the process is not in that"
    case .securityModule:
      "although memwhy has CAP_SYS_PTRACE, a security module (AppArmor, SELinux) forbids it"
    }
  }

  private static let withCapability =
    "as root on the host, or in a container with CAP_SYS_PTRACE (`docker run --cap-add SYS_PTRACE`, `kubectl debug --profile=general`)"

  /// The way out.
  public var advice: String {
    switch self {
    case .otherUser: "run memwhy as that user or as root (or with CAP_SYS_PTRACE)"
    case .yama(let scope) where scope >= 3: "take a core file and read it with --core"
    case .yama: "run memwhy \(Self.withCapability), or set `sysctl kernel.yama.ptrace_scope=0`"
    case .moreCapabilities: "run memwhy \(Self.withCapability)"
    case .notDumpable: "run memwhy \(Self.withCapability)"
    case .otherUsersFiles: "run memwhy as root, or with both"
    case .filtered:
      "start that container with `docker run --security-opt seccomp=unconfined` (Kubernetes: seccompProfile.type Unconfined), run memwhy on the host, or use --freeze none"
    case .otherNamespace:
      "run memwhy inside of the process's container (`podman exec`, `kubectl debug --target`), or on the host as root or as the user who started it"
    case .securityModule: "run memwhy on the host, or under the target's own profile"
    }
  }
}

/// What to do where the reader itself has come to a limit, whatever was to be read; nil for errors of the file.
package func ownLimit(_ code: Int32) -> String? {
  switch code {
  case EMFILE: "memwhy needs some 40 open files of its own: raise the limit (`ulimit -n`)"
  case ENFILE: "the machine has no more open files: raise fs.file-max, or try again later"
  case ENOMEM: "there is no memory for memwhy itself: raise its limit (`ulimit -v`), or free some on the machine"
  default: nil
  }
}

extension ProcessImageError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noSuchProcess(let pid):
      "no process \(pid); see `ps` for the ids of this pid namespace"
    case .foreignProc:
      "/proc shows the processes of another pid namespace than memwhy's, so that numbers there are other processes here; enter the mount namespace as well (`nsenter --mount --pid`), or mount a /proc (`unshare --mount-proc`)"
    case .isThread(let tid, let process):
      "\(tid) is a thread of process \(process); run memwhy on \(process)"
    case .kernelThread(let pid, let name):
      "\(pid) (\(name)) is a thread of the kernel: it has no memory of its own to look at; give the id of a program"
    case .zombie(let pid, let name, let parent):
      "\(pid) (\(name)) has ended and waits to be reaped by its parent \(parent); nothing of its memory is left to read"
    case .processGone(let pid, let attempted):
      "process \(pid) ended or started another program while memwhy tried to \(attempted); run the command again"
    case .notPermitted(let pid, let attempted, let reason):
      "not permitted to \(attempted) of process \(pid): \(reason.cause); \(reason.advice)"
    case .unsupportedTarget(let pid, let reason):
      "process \(pid) cannot be read: \(reason); memwhy reads 64-bit x86 programs on Linux"
    case .cannotRead(let path, let code):
      "cannot read \(path): \(systemMessage(code)); \(ownLimit(code) ?? "check that it exists and may be read")"
    case .malformed(let what, let reason):
      "\(what) is malformed: \(reason); it is damaged or was changed while it was read"
    case .notACore(let path, let reason):
      "\(path) is not a core file of a 64-bit x86 Linux program: \(reason); give one written by the kernel or by gcore"
    case .truncatedCore(let path, let size, let expected):
      """
      \(path) is cut off: \(size) bytes of \(expected) are there, too few to read; raise the limit \
      (`ulimit -c unlimited`) and free disk space before the next dump
      """
    }
  }
}
