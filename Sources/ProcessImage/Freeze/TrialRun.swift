import CLinux

/// Runs one function of the C library in a copy, which nobody else will ever see: whatever it does to memory is gone with the copy.
///
/// Every system call that it makes is looked at before it runs, and only those that change the copy's own address space may. The copy's
/// locks are as the target's threads held them, with nobody there to let them go: a call that would wait for one ends the trial. Used on the
/// tracing thread only.
struct TrialRun {
  let child: Int32
  let deadline: UInt64

  enum Failure: Error, Sendable, Hashable {
    /// A thread of the target was inside the allocator when the copy was made.
    case locked
    /// It wanted a system call that could reach beyond its own memory.
    case forbidden(call: UInt64)
    case crashed(signal: Int32)
    case timedOut
    case ended
    case failed(step: String, errno: Int32)
  }

  /// System calls of x86-64 that change only the caller's address space: mprotect, munmap, brk, mremap, madvise.
  private static let harmless: Set<UInt64> = [10, 11, 12, 25, 28]
  private static let futex: UInt64 = 202
  /// Nothing is mapped at address 0, so that the function's return ends in a stop there.
  private static let returnAddress: UInt64 = 0

  /// - Returns: what the function returned.
  func call(_ function: UInt64, _ argument: UInt64) throws(Failure) -> UInt64 {
    var tracee = Tracee(tid: child)
    guard tracee.wait(until: 0) == .stopped else { throw .ended }
    var registers = clinux_registers()
    try check(clinux_get_registers(child, &registers), "PTRACE_GETREGS")
    // 16-byte aligned before the call pushed its return address.
    registers.rsp = ((registers.rsp &- ThreadState.redZone) & ~15) &- 8
    var address = Self.returnAddress
    let written = clinux_vm_write(child, registers.rsp, &address, 8)
    guard written == 8 else { throw .failed(step: "process_vm_writev", errno: Int32(written < 0 ? -written : 0)) }
    registers.rip = function
    registers.rdi = argument
    registers.rax = 0
    registers.orig_rax = .max
    // The direction flag is clear at a call.
    registers.eflags &= ~0x400
    try check(clinux_set_registers(child, &registers), "PTRACE_SETREGS")
    let options = UInt32(clinux_option_exitkill) | UInt32(clinux_option_sysgood)
    try check(clinux_set_options(child, options), "PTRACE_SETOPTIONS")
    return try run(&tracee)
  }

  private func run(_ tracee: inout Tracee) throws(Failure) -> UInt64 {
    var registers = clinux_registers()
    var isEntry = true
    while true {
      try check(clinux_run_to_syscall(child), "PTRACE_SYSCALL")
      tracee.state = .interrupted
      switch tracee.wait(until: deadline) {
      case .ended: throw .ended
      case .timedOut: throw .timedOut
      case .stopped: break
      }
      try check(clinux_get_registers(child, &registers), "PTRACE_GETREGS")
      guard tracee.status == Int32(clinux_syscall_stop) else {
        if registers.rip == Self.returnAddress { return registers.rax }
        throw .crashed(signal: tracee.status & 0x7f)
      }
      if isEntry {
        if registers.orig_rax == Self.futex { throw .locked }
        guard Self.harmless.contains(registers.orig_rax) else { throw .forbidden(call: registers.orig_rax) }
      }
      isEntry.toggle()
    }
  }

  private func check(_ result: Int, _ step: String) throws(Failure) {
    if result == -Int(ESRCH) { throw .ended }
    if result < 0 { throw .failed(step: step, errno: Int32(clamping: -result)) }
  }
}

/// What `malloc_trim(0)` gave back in a copy.
public struct TrimTrial: Sendable, Hashable {
  /// Resident bytes of private anonymous memory that went.
  public var bytes: UInt64
  /// How long it ran, in nanoseconds; each of its system calls was stopped twice, so that it is faster in earnest.
  public var duration: UInt64
}

/// Why a trial said nothing.
public struct TrimTrialFailure: Error, Sendable, Hashable, CustomStringConvertible {
  let failure: TrialRun.Failure

  public var description: String {
    let reason =
      switch failure {
      case .locked:
        "a thread of the process was inside malloc at that instant, and holds its lock in the copy for ever; try again"
      case .forbidden(let call): "it wanted system call \(call), which is not let through"
      case .crashed(let signal): "it received signal \(signal) in the copy; the process itself is not touched"
      case .timedOut: "it took too long"
      case .ended: "the copy was given up meanwhile"
      case .failed(let step, let code): "\(step) failed: \(systemMessage(code))"
      }
    return "malloc_trim(0) was not tried to its end: \(reason)"
  }
}

extension FrozenProcess {
  /// A gigabyte of small holes is some hundred thousand calls of `madvise`.
  private static let trimLimit: UInt64 = 20_000_000_000

  /// Runs `malloc_trim(0)` in the copy and measures what it gives back. The target is not touched; the copy is no picture of it afterwards,
  /// so this comes last.
  ///
  /// - Parameter function: address of glibc's `malloc_trim` in the target.
  public func tryTrim(function: UInt64) throws(TrimTrialFailure) -> TrimTrial {
    do throws(TrialRun.Failure) {
      let before = try residentBytes()
      let start = Clocks.monotonic
      let run = TrialRun(child: copyPid, deadline: start &+ Self.trimLimit)
      _ = try trial { () throws(TrialRun.Failure) in try run.call(function, 0) }
      let duration = Clocks.monotonic &- start
      let after = try residentBytes()
      return TrimTrial(bytes: before &- min(after, before), duration: duration)
    } catch { throw TrimTrialFailure(failure: error) }
  }

  private func residentBytes() throws(TrialRun.Failure) -> UInt64 {
    do {
      let mappings = try Procfs.mappings(of: copyPid)
      return try PresentPages(pid: copyPid, mappings: mappings, wanted: \.isAnonymous).byteCount
    } catch let error as SystemError {
      throw .failed(step: "reading the copy's page map", errno: error.code)
    } catch { throw .ended }
  }
}
