import CLinux

/// `struct rt_sigframe` of x86-64 (Linux `arch/x86/include/asm/sigframe.h`): return address, `ucontext`, `siginfo`. A `ret` into
/// `rt_sigreturn` with the stack pointer behind the return address restores everything in it, without any tool.
struct SignalFrame {
  /// Return address 8, ucontext 304, siginfo 128.
  static let size = 440

  var registers: clinux_registers
  /// Blocked signals that are restored.
  var signalMask: UInt64
  /// Address of the XSAVE image, 0 for none.
  var vectorState: UInt64

  func bytes(returnAddress: UInt64) -> [UInt8] {
    var frame = [UInt8](repeating: 0, count: Self.size)
    frame.withUnsafeMutableBytes { bytes in
      let context = 8
      bytes.storeBytes(of: returnAddress, toByteOffset: 0, as: UInt64.self)
      // UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS, and UC_FP_XSTATE where there is a vector state.
      bytes.storeBytes(of: vectorState == 0 ? 6 : 7, toByteOffset: context, as: UInt64.self)
      // An invalid ss_flags: the kernel's restore of the alternate stack then fails silently and leaves it as it is. It cannot be
      // read from outside, so it cannot be put here.
      bytes.storeBytes(of: 0x7777, toByteOffset: context + 24, as: UInt32.self)
      let r = registers
      let saved = [
        r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, r.rdi, r.rsi, r.rbp, r.rbx, r.rdx, r.rax, r.rcx, r.rsp,
        r.rip, r.eflags,
      ]
      for (index, value) in saved.enumerated() {
        bytes.storeBytes(of: value, toByteOffset: context + 40 + index * 8, as: UInt64.self)
      }
      bytes.storeBytes(of: UInt16(truncatingIfNeeded: r.cs), toByteOffset: context + 184, as: UInt16.self)
      bytes.storeBytes(of: UInt16(truncatingIfNeeded: r.ss), toByteOffset: context + 190, as: UInt16.self)
      bytes.storeBytes(of: vectorState, toByteOffset: context + 224, as: UInt64.self)
      bytes.storeBytes(of: signalMask, toByteOffset: context + 296, as: UInt64.self)
    }
    return frame
  }
}

/// What is written below a thread's stack pointer before it is made to run a system call.
///
/// From high to low addresses: the XSAVE image, the child's frame, the thread's own frame, on which the thread starts. The child's
/// frame lies above the thread's, so that a signal handler that runs before signals are blocked cannot overwrite it.
struct InjectionImage {
  /// Lowest address: where `bytes` go, and the thread's stack pointer for the injected call.
  var base: UInt64
  /// Stack pointer of a cloned child: its frame makes it exit as soon as nobody holds it.
  var childStack: UInt64
  var bytes: [UInt8]

  /// System call `exit_group`.
  static let exitGroup: UInt64 = 231

  /// - Parameter resumed: what the thread is to go on with, see `InterruptedCall.resumed`.
  init?(
    resumed: clinux_registers, signalMask: UInt64, vectorState: [UInt8], gadgets: Gadgets
  ) {
    guard let vectorImage = XSaveArea.frameImage(vectorState) else { return nil }
    let size = UInt64(SignalFrame.size)
    let (top, overflow) = resumed.rsp.subtractingReportingOverflow(ThreadState.redZone)
    guard !overflow, top > UInt64(vectorImage.count) + 2 * size + 256 else { return nil }
    let vectorAddress = (top - UInt64(vectorImage.count)) & ~63
    let childFrame = (vectorAddress - size) & ~15
    let ownFrame = (childFrame - size) & ~15

    var childRegisters = clinux_registers()
    childRegisters.rip = gadgets.systemCall
    childRegisters.rax = Self.exitGroup
    childRegisters.rsp = childFrame
    childRegisters.cs = resumed.cs
    childRegisters.ss = resumed.ss
    childRegisters.eflags = 0x202

    var image = [UInt8](repeating: 0, count: Int(top - ownFrame))
    func put(_ part: [UInt8], at address: UInt64) {
      let offset = Int(address - ownFrame)
      image.replaceSubrange(offset..<offset + part.count, with: part)
    }
    put(
      SignalFrame(registers: resumed, signalMask: signalMask, vectorState: vectorAddress)
        .bytes(returnAddress: gadgets.signalReturn), at: ownFrame)
    put(
      SignalFrame(registers: childRegisters, signalMask: .max, vectorState: 0).bytes(
        returnAddress: gadgets.signalReturn),
      at: childFrame)
    put(vectorImage, at: vectorAddress)
    base = ownFrame
    childStack = childFrame
    bytes = image
  }
}
