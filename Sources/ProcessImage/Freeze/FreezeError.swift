import Measurement

/// Why a process was not frozen. Each description says what was tried on which process and what to do next.
public enum FreezeError: Error, Sendable, Hashable, CustomStringConvertible {
  /// No such process, a kernel thread, a zombie, a 32-bit program, or not permitted to read it.
  case target(ProcessImageError)
  /// It may be read, but not attached to.
  case notPermitted(pid: Int32, reason: Denial)
  case unsupportedArchitecture
  case isSelf(pid: Int32)
  /// Stopped by SIGSTOP or a terminal: no thread can run the injected call.
  case jobStopped(pid: Int32)
  /// Its control group is frozen: no thread can run the injected call, and in version 1 none can be stopped.
  case frozenGroup(pid: Int32, group: String, canStop: Bool)
  case tracedByAnother(pid: Int32, tracer: Int32)
  /// A memory control group, or the host, has too little room. Sizes in bytes.
  case noHeadroom(pid: Int32, group: String, needed: UInt64, available: UInt64, stopPause: UInt64?)
  /// More is in swap than a memory control group has room for. Sizes in bytes.
  case swappedOut(pid: Int32, group: String, swapped: UInt64, available: UInt64)
  /// Strict overcommit (`vm.overcommit_memory=2`) leaves no room for a second copy of the private memory. Sizes in bytes.
  case noCommitRoom(pid: Int32, needed: UInt64, available: UInt64)
  case processLimit(pid: Int32, limit: String)
  /// memwhy itself may start no thread; the sentence says why.
  case noThread(String)
  case seccomp(pid: Int32, reason: String)
  case shadowStack(pid: Int32)
  case noUsableThread(pid: Int32, reason: String)
  case noGadget(pid: Int32)
  case didNotStop(pid: Int32, tid: Int32, attempts: Int)
  /// The injected clone failed; the target healed itself.
  case copyFailed(pid: Int32, reason: String)
  case targetGone(pid: Int32, during: String)
  /// `--freeze stop` would have to copy more than its limit. Sizes in bytes.
  case copyLimit(pid: Int32, needed: UInt64, limit: UInt64)
  /// `--freeze stop` copies into memwhy, whose own memory control group, or the host, has too little room. Sizes in bytes.
  case noOwnRoom(pid: Int32, group: String, needed: UInt64, available: UInt64)
  /// `--freeze stop` may not set that much memory aside, for instance with strict overcommit. Sizes in bytes.
  case noOwnMemory(pid: Int32, needed: UInt64)
  case systemCall(pid: Int32, name: String, errno: Int32)

  public var description: String {
    switch self {
    case .target(let error):
      error.description
    case .notPermitted(let pid, let reason):
      "not permitted to attach to process \(pid): \(reason.cause); \(reason.advice)"
    case .isSelf(let pid):
      "process \(pid) is memwhy itself, which cannot stop itself; give the number of another process"
    case .unsupportedArchitecture:
      "freezing a process works on x86-64 only; use --freeze none or a core file"
    case .jobStopped(let pid):
      "process \(pid) is stopped by a signal; continue it with kill -CONT \(pid), or use --freeze stop"
    case .frozenGroup(let pid, let group, let canStop):
      "process \(pid) is held still because its control group \(group) is frozen (docker pause, systemctl freeze); thaw that "
        + "first, or use \(canStop ? "--freeze stop" : "--freeze none")"
    case .tracedByAnother(let pid, let tracer):
      "process \(pid) is already traced by process \(tracer) (a debugger, strace or another memwhy); end that first, or use "
        + "--freeze none"
    case .noHeadroom(let pid, let group, let needed, let available, let stopPause):
      "a copy of process \(pid) needs \(ByteCount(needed)) of room in \(group), which has "
        + "\(ByteCount(available)); raise the limit, or use "
        + (stopPause.map {
          "--freeze stop (a pause of up to \(TimeSpan(nanoseconds: $0)), memory on the tool's account) or "
        } ?? "") + "--freeze none (no pause, no judgement of leaks)"
    case .swappedOut(let pid, let group, let swapped, let available):
      "\(ByteCount(swapped)) of process \(pid) are in swap, and \(group) has \(ByteCount(available)) of room: what is read back there pushes as much "
        + "out again, and how long the process would stand still cannot be told; raise the limit, or use --freeze none (no pause, no judgement of leaks)"
    case .noCommitRoom(let pid, let needed, let available):
      "a copy of process \(pid) would commit \(ByteCount(needed)) and vm.overcommit_memory=2 leaves "
        + "\(ByteCount(available)); use --freeze stop or --freeze none"
    case .processLimit(let pid, let limit):
      "process \(pid) may not have one more process (\(limit)); raise that limit, or use --freeze stop or --freeze none"
    case .noThread(let sentence):
      sentence
    case .seccomp(let pid, let reason):
      "process \(pid) runs under a seccomp filter and \(reason); use --freeze stop or --freeze none"
    case .shadowStack(let pid):
      "process \(pid) uses shadow stacks, which forbid the way the copy is made; use --freeze stop or --freeze none"
    case .noUsableThread(let pid, let reason):
      "no thread of process \(pid) can make the copy safely (\(reason)); try again, or use --freeze stop"
    case .noGadget(let pid):
      "process \(pid) maps no C library with the two instructions that the copy needs; use --freeze stop or --freeze none"
    case .didNotStop(let pid, let tid, let attempts):
      "thread \(tid) of process \(pid) did not stop in time in \(attempts) attempts (it waits in the kernel for a disk or a "
        + "child, or for memory at the memory.high of its group); everything was let go each time, try again later or use --freeze none"
    case .copyFailed(let pid, let reason):
      "process \(pid) could not be copied: \(reason); it runs on unharmed, use --freeze stop or --freeze none"
    case .targetGone(let pid, let during):
      "process \(pid) ended or started another program while \(during); run the command again if it is still there"
    case .copyLimit(let pid, let needed, let limit):
      "process \(pid) has \(ByteCount(needed)) of private memory to copy and the limit is \(ByteCount(limit)); raise "
        + "the limit, or use --freeze cow or --freeze none"
    case .noOwnRoom(let pid, let group, let needed, let available):
      "memwhy needs \(ByteCount(needed)) for what it copies from process \(pid), and \(group), in which memwhy runs, has "
        + "\(ByteCount(available)) of room; raise the limit, start memwhy outside of it, or use --freeze none"
    case .noOwnMemory(let pid, let needed):
      "memwhy may not set \(ByteCount(needed)) aside for what it copies from process \(pid) (vm.overcommit_memory=2, or a limit on "
        + "its address space); use --freeze none or a core file"
    case .systemCall(let pid, let name, let code):
      "\(name) failed on process \(pid): \(systemMessage(code)); run memwhy doctor \(pid)"
    }
  }
}
