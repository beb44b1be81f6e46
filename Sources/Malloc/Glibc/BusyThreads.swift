import ProcessImage

/// Threads that may stand inside `malloc`: their counters and lists may be one step apart.
struct BusyThreads: Sendable {
  private let module: Module?
  private let memory: any MemoryReader
  private let arenas: Set<UInt64>

  /// System calls that the allocator makes while its structures are being changed (x86-64): mmap, mprotect, munmap, brk, mremap, madvise.
  private static let allocatorCalls: Set<UInt64> = [9, 10, 11, 12, 25, 28]
  /// Waiting for a lock, and waking those that wait.
  private static let futex: UInt64 = 202
  /// `orig_rax` and `rdi` in `user_regs_struct`.
  private static let callNumber = 15
  private static let firstArgument = 14

  init(_ image: ProcessImage, ring: ArenaRing) {
    module = image.modules.indices.contains(ring.module) ? image.modules[ring.module] : nil
    memory = image.memory
    arenas = Set(ring.arenas)
  }

  /// The thread is in the allocator's module, and not in a system call that has nothing to do with memory. O(1).
  func contains(_ thread: ThreadState) -> Bool {
    guard let module, thread.instructionPointer >= module.start, thread.instructionPointer < module.end else {
      return false
    }
    guard thread.registers.count > Self.callNumber,
      let before = try? memory.load(UInt16.self, at: thread.instructionPointer &- 2), before == 0x050f
    else { return true }
    switch thread.registers[Self.callNumber] {
    // Behind the instruction, but not in a call: the kernel has returned.
    case .max: return true
    // An arena's lock is its first word.
    case Self.futex: return arenas.contains(thread.registers[Self.firstArgument])
    case let number: return Self.allocatorCalls.contains(number)
    }
  }
}
