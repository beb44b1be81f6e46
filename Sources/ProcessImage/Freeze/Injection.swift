import CLinux
import Glibc

/// Makes one stopped thread run one system call, in a way that heals itself if the tool dies at any moment: the thread returns from
/// the call into `rt_sigreturn`, which restores everything. Used on the tracing thread only.
struct Injection {
  let gadgets: Gadgets
  let memory: LiveMemory
  let hook: @Sendable (FreezePhase) -> Void

  enum Failure: Error {
    /// Nothing was changed, or the thread restored itself.
    case failed(step: String, errno: Int32)
    /// The call ran and failed; the thread restored itself.
    case callFailed
    case timedOut
    case gone
  }

  private static let cloneNumber: UInt64 = 56
  private static let waitNumber: UInt64 = 61
  private static let signalReturnNumber: UInt64 = 15
  /// `CLONE_FILES`: the copy shares the descriptor table, so that it keeps nothing open that the target closes.
  private static let cloneFlags: UInt64 = 0x400
  /// `WNOHANG | __WALL`: a child without an exit signal is invisible otherwise.
  private static let waitOptions: UInt64 = 1 | 0x4000_0000
  /// After this long without an event the thread is asked where it is.
  private static let patience: UInt64 = 2_000_000
  private static let allSignals: UInt64 = .max

  /// System calls that the target's seccomp filters must allow: clone, rt_sigreturn, exit_group, wait4, restart_syscall.
  static func calls(gadgets: Gadgets) -> [SeccompFilter.Call] {
    [
      .init(number: UInt32(cloneNumber), instructionPointer: gadgets.systemCall &+ 2, arguments: [cloneFlags]),
      .init(number: UInt32(waitNumber), instructionPointer: gadgets.systemCall &+ 2, arguments: [1, 0, waitOptions]),
      .init(number: UInt32(signalReturnNumber), instructionPointer: gadgets.signalReturn &+ 9),
      .init(number: UInt32(InjectionImage.exitGroup), instructionPointer: gadgets.systemCall &+ 2),
      .init(number: UInt32(InterruptedCall.restartSystemCall)),
    ]
  }

  /// Writes the frames and points the thread at the call; its signals are blocked when this returns.
  private func prepare(
    _ thread: Tracee, number: UInt64, arguments: (InjectionImage) -> [UInt64], options: UInt32, phases: [FreezePhase]
  ) throws(Failure) -> (image: InjectionImage, mask: UInt64) {
    var mask: UInt64 = 0
    try check(clinux_get_signal_mask(thread.tid, &mask), "PTRACE_GETSIGMASK")
    let resumed = InterruptedCall.resumed(thread.registers) {
      try? memory.bytes(at: thread.registers.rip &- 7, count: 5)
    }
    guard
      let image = InjectionImage(
        resumed: resumed, signalMask: mask, vectorState: thread.vectorState, gadgets: gadgets)
    else { throw .failed(step: "building the frames", errno: EINVAL) }
    // Not through /proc/PID/mem: that would write through guard pages. By the thread's number: a process whose main thread has ended
    // has no memory under its own.
    let written = image.bytes.withUnsafeBytes { clinux_vm_write(thread.tid, image.base, $0.baseAddress, $0.count) }
    guard written == image.bytes.count else {
      throw .failed(step: "process_vm_writev", errno: written < 0 ? Int32(-written) : EFAULT)
    }
    hook(phases[0])
    var registers = thread.registers
    let values = arguments(image)
    registers.rip = gadgets.systemCall
    registers.rax = number
    registers.orig_rax = .max
    registers.rsp = image.base
    registers.rdi = values[0]
    registers.rsi = values[1]
    registers.rdx = values[2]
    registers.r10 = values[3]
    registers.r8 = values[4]
    if options != 0 { try check(clinux_set_options(thread.tid, options), "PTRACE_SETOPTIONS") }
    // Registers first: were the mask first, a tool that dies in between would leave a thread that takes no signals.
    try check(clinux_set_registers(thread.tid, &registers), "PTRACE_SETREGS")
    hook(phases[1])
    try check(clinux_set_signal_mask(thread.tid, Self.allSignals), "PTRACE_SETSIGMASK")
    hook(phases[2])
    return (image, mask)
  }

  private func check(_ result: Int, _ step: String) throws(Failure) {
    if result == -Int(ESRCH) { throw .gone }
    if result < 0 { throw .failed(step: step, errno: Int32(-result)) }
  }

  // MARK: - The copy

  /// Makes `thread` clone the process. `onCopy` runs while every thread still stands still.
  ///
  /// On return the thread is let go. The child is attached and stops before its first instruction.
  ///
  /// - Parameter isParent: whether the thread has children. While its signals are blocked, the end of one would wake others, as while it is
  ///   traced (`ParentThreads`): it has its own mask again before `afterRelease` runs.
  func copy(
    _ thread: inout Tracee, isParent: Bool, deadline: UInt64, onCopy: (Int32) -> Void, afterRelease: () -> Void
  ) throws(Failure) -> Int32 {
    let (image, mask) = try prepare(
      thread, number: Self.cloneNumber, arguments: { [Self.cloneFlags, $0.childStack, 0, 0, 0] },
      options: UInt32(clinux_option_trace_clone), phases: [.framesWritten, .hijacked, .masked])
    try check(clinux_continue(thread.tid, 0), "PTRACE_CONT")
    thread.state = .interrupted
    hook(.running)
    let child = try awaitClone(&thread, image: image, mask: mask, deadline: deadline)
    hook(.copied)
    onCopy(child)
    if isParent || InterruptedCall.isRestartBlock(thread.registers) {
      restoreByHand(&thread, mask: mask, deadline: deadline)
    } else {
      thread.detach()
    }
    afterRelease()
    return child
  }

  private func awaitClone(
    _ thread: inout Tracee, image: InjectionImage, mask: UInt64, deadline: UInt64
  ) throws(Failure) -> Int32 {
    var patience = min(deadline, Clocks.monotonic &+ Self.patience)
    while true {
      switch thread.wait(until: patience) {
      case .ended: throw .gone
      case .timedOut:
        if Clocks.monotonic >= deadline { throw .timedOut }
        // Harmless during a long clone: the clone's event is reported first.
        _ = clinux_interrupt(thread.tid)
        patience = deadline
        continue
      case .stopped: break
      }
      let event = thread.status >> 8
      if event == Int32(clinux_event_clone) {
        var message: UInt = 0
        try check(clinux_event_message(thread.tid, &message), "PTRACE_GETEVENTMSG")
        guard let child = Int32(exactly: message), child > 0 else {
          throw .failed(step: "PTRACE_GETEVENTMSG", errno: EINVAL)
        }
        return child
      }
      if event == Int32(clinux_event_stop) {
        var registers = clinux_registers()
        try check(clinux_get_registers(thread.tid, &registers), "PTRACE_GETREGS")
        let isBefore = registers.rip == gadgets.systemCall && registers.rax == Self.cloneNumber
        let isRestarting =
          registers.rip == gadgets.systemCall &+ 2 && registers.rsp == image.base
          && InterruptedCall.restart.contains(Int64(bitPattern: registers.rax))
        if !isBefore && !isRestarting {
          // Behind the call without an event: it failed. On the way through its frame, or through it already.
          if registers.rip != gadgets.systemCall &+ 2 {
            thread.registers = registers
            thread.repair()
          } else if InterruptedCall.isRestartBlock(thread.registers) {
            putBack(thread, mask: mask)
          }
          throw .callFailed
        }
      }
      let signal = event == 0 ? thread.status & 0x7f : 0
      try check(clinux_continue(thread.tid, signal), "PTRACE_CONT")
      thread.state = .interrupted
      patience = min(deadline, Clocks.monotonic &+ Self.patience)
    }
  }

  /// A sleeping thread must not pass its frame, which would void the rest of its sleep, and nobody sees when a thread has passed it: this one
  /// is stopped once more behind the clone and gets its original registers back, restart code included.
  private func restoreByHand(_ thread: inout Tracee, mask: UInt64, deadline: UInt64) {
    _ = clinux_interrupt(thread.tid)
    guard clinux_continue(thread.tid, 0) >= 0 else {
      thread.state = .gone
      return
    }
    thread.state = .interrupted
    guard thread.wait(until: max(deadline, Clocks.monotonic &+ 100_000_000)) == .stopped else { return }
    var registers = clinux_registers()
    if clinux_get_registers(thread.tid, &registers) >= 0, registers.rip == gadgets.systemCall &+ 2 {
      putBack(thread, mask: mask)
    }
    thread.detach()
  }

  /// Gives a thread that is stopped behind the call its original mask and registers, restart code included. Mask first: with the original
  /// registers and no mask, a tool that dies in between would leave a thread that takes no signals.
  private func putBack(_ thread: Tracee, mask: UInt64) {
    _ = clinux_set_signal_mask(thread.tid, mask)
    var original = thread.registers
    _ = clinux_set_registers(thread.tid, &original)
  }

  // MARK: - Reaping

  /// Makes `thread` wait for the child with the given number in the target's own pid namespace, and lets it go.
  func reap(_ thread: inout Tracee, child: Int32) throws(Failure) {
    let isSleeper = InterruptedCall.isRestartBlock(thread.registers)
    let (_, mask) = try prepare(
      thread, number: Self.waitNumber,
      arguments: { _ in [UInt64(UInt32(bitPattern: child)), 0, Self.waitOptions, 0, 0] },
      options: isSleeper ? UInt32(clinux_option_sysgood) : 0,
      phases: [.reapFramesWritten, .reapHijacked, .reapMasked])
    if isSleeper { try finishSleepersWait(&thread, mask: mask) } else { thread.detach() }
    hook(.reapReleased)
  }

  /// For a sleeping thread: there is no event behind `wait4`, so it runs to the call's entry and exit. A stop left over by a dying tool is
  /// no valid signal number and so does nothing.
  private func finishSleepersWait(_ thread: inout Tracee, mask: UInt64) throws(Failure) {
    let deadline = Clocks.monotonic &+ 500_000_000
    var callStops = 0
    while callStops < 2 {
      try check(clinux_run_to_syscall(thread.tid), "PTRACE_SYSCALL")
      thread.state = .interrupted
      switch thread.wait(until: deadline) {
      case .stopped: break
      case .ended: throw .gone
      case .timedOut: throw .timedOut
      }
      if thread.status == Int32(clinux_syscall_stop) { callStops += 1 }
    }
    _ = clinux_set_signal_mask(thread.tid, mask)
    var original = InterruptedCall.restartByHand(thread.registers)
    _ = clinux_set_registers(thread.tid, &original)
    _ = clinux_set_options(thread.tid, 0)
    // A stop at a system call is no signal: nothing to pass on.
    thread.state = .gone
    _ = clinux_detach(thread.tid, 0)
  }
}
