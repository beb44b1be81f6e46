/// One stopped thread: what it held in registers. Registers are roots.
public struct ThreadState: Sendable, Hashable {
  /// Thread id in our own pid namespace.
  public var tid: Int32
  public var name: String
  /// `rsp`.
  public var stackPointer: UInt64
  /// `rip`.
  public var instructionPointer: UInt64
  /// `fs_base`: the thread control block, which ends the static TLS area.
  public var threadPointer: UInt64
  /// All general purpose registers in the order of the kernel's `user_regs_struct`.
  public var registers: [UInt64]
  /// The XSAVE area (SIMD registers hold pointers too); empty where the source has none.
  public var vectorState: [UInt8]

  /// Bytes below the stack pointer that belong to a leaf function, which need not move it (System V ABI, AMD64 supplement 3.2.2).
  package static let redZone: UInt64 = 128

  public init(
    tid: Int32, name: String = "", stackPointer: UInt64, instructionPointer: UInt64 = 0, threadPointer: UInt64,
    registers: [UInt64] = [], vectorState: [UInt8] = []
  ) {
    self.tid = tid
    self.name = name
    self.stackPointer = stackPointer
    self.instructionPointer = instructionPointer
    self.threadPointer = threadPointer
    self.registers = registers
    self.vectorState = vectorState
  }
}
