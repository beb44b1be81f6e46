import CLinux

/// How a stop meets a system call, and how the call goes on afterwards.
///
/// Inside a ptrace stop the kernel's restart codes are still raw: `orig_rax` is the call's number and `rax` the code (Linux
/// `include/linux/errno.h`, `arch/x86/kernel/signal.c`).
enum InterruptedCall {
  /// `-ERESTARTSYS`, `-ERESTARTNOINTR`: the call is simply repeated.
  static let restart: Set<Int64> = [-512, -513]
  /// `-ERESTARTNOHAND`: repeated unless a handler runs.
  static let restartUnlessHandled: Int64 = -514
  /// `-ERESTART_RESTARTBLOCK`: sleeps that go on for the rest of their time, by means of a block in the kernel that `rt_sigreturn`
  /// voids. A thread in this state must not be let go through a signal frame.
  static let restartBlock: Int64 = -516
  private static let interrupted: Int64 = -4
  /// `restart_syscall`.
  static let restartSystemCall: UInt64 = 219
  /// `syscall` is two bytes long.
  private static let instructionSize: UInt64 = 2

  /// Calls that return a plain `EINTR` on any wake-up, even where no signal arrives (signal(7)): x86-64 numbers of epoll_wait,
  /// epoll_pwait, epoll_pwait2, rt_sigtimedwait, semop, semtimedop, io_getevents, io_pgetevents, io_uring_enter, and the socket calls
  /// that do so under SO_RCVTIMEO or SO_SNDTIMEO (read, write, readv, writev, accept, accept4, recv*, send*).
  private static let plainInterrupt: Set<UInt64> = [
    232, 281, 441, 128, 65, 220, 208, 333, 426, 0, 1, 19, 20, 43, 288, 44, 45, 46, 47, 299, 307,
  ]

  static func isInCall(_ registers: clinux_registers) -> Bool { Int64(bitPattern: registers.orig_rax) >= 0 }

  /// The registers with which a call that our stop ended by `EINTR` is repeated instead; nil where there is nothing to repair. The
  /// kernel still returns `EINTR` if a handler runs.
  static func repaired(_ registers: clinux_registers) -> clinux_registers? {
    guard isInCall(registers), Int64(bitPattern: registers.rax) == interrupted,
      plainInterrupt.contains(registers.orig_rax)
    else { return nil }
    var result = registers
    result.rax = UInt64(bitPattern: restartUnlessHandled)
    return result
  }

  /// The kernel goes on with a sleep by a call of its own, `restart_syscall`, which a seccomp filter sees as any other: one that does not know
  /// it would kill the process when it is let go.
  static func needsRestartCall(_ registers: clinux_registers) -> Bool {
    isRestartBlock(registers) && registers.orig_rax != restartSystemCall
  }

  /// That call, as a filter sees it.
  static func restartCall(_ registers: clinux_registers) -> SeccompFilter.Call {
    SeccompFilter.Call(number: UInt32(restartSystemCall), instructionPointer: registers.rip)
  }

  /// The registers with which a sleep begins anew by its own call, which the filter has let pass before. A relative time starts again.
  static func sleepingAnew(_ registers: clinux_registers) -> clinux_registers {
    var result = registers
    result.rax = UInt64(bitPattern: restartUnlessHandled)
    return result
  }

  static func isRestartBlock(_ registers: clinux_registers) -> Bool {
    isInCall(registers) && Int64(bitPattern: registers.rax) == restartBlock
  }

  /// The registers with which the thread repeats its call when it is restored by a signal frame: the kernel's restart done by hand.
  ///
  /// - Parameter code: the five bytes before the `syscall` instruction. A sleep that was restarted once already runs as
  ///   `restart_syscall`; its real number is in the `mov $number, %eax` before it.
  static func resumed(_ registers: clinux_registers, code: () -> [UInt8]?) -> clinux_registers {
    guard isInCall(registers) else { return registers }
    let result = Int64(bitPattern: registers.rax)
    guard restart.contains(result) || result == restartUnlessHandled || result == restartBlock else { return registers }
    var resumed = registers
    resumed.rax = registers.orig_rax
    resumed.rip = registers.rip &- instructionSize
    if registers.orig_rax == restartSystemCall, let bytes = code(), bytes.count == 5, bytes[0] == 0xb8 {
      resumed.rax = UInt64(bytes[1]) | UInt64(bytes[2]) << 8 | UInt64(bytes[3]) << 16 | UInt64(bytes[4]) << 24
    }
    return resumed
  }

  /// The registers with which a thread whose sleep has a restart block goes on from a stop outside signal delivery.
  static func restartByHand(_ registers: clinux_registers) -> clinux_registers {
    var result = registers
    result.rax = restartSystemCall
    result.rip = registers.rip &- instructionSize
    result.orig_rax = .max
    return result
  }
}
