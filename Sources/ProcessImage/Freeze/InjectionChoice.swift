import CLinux

/// Which stopped thread may run the injected call without any risk, cheapest first.
enum InjectionChoice {
  /// Room below the stack pointer for both frames and the XSAVE area, with a page to spare for a signal handler.
  private static let stackRoom: UInt64 = 8192 + 4096
  /// AMX tiles make the XSAVE area larger.
  private static let largeVectorState = 4096
  private static let largeStackRoom: UInt64 = 12 << 10
  /// `cs` of 64-bit code.
  private static let longModeSegment: UInt64 = 0x33
  /// Candidates whose mappings and features are looked at closely, so that a pause never grows with the number of threads.
  private static let candidateLimit = 8

  /// How much an injection disturbs a thread; `nil` means that it must not be used.
  ///
  /// 0: it runs its own code. 1: its system call is simply repeated. 2: repeated unless a signal handler runs. 3: it sleeps, and has
  /// to be restored by hand.
  static func rank(_ thread: Tracee, mappings: [Mapping]) -> Int? {
    guard thread.isInPlainStop, thread.registers.cs == longModeSegment,
      thread.vectorState.count >= XSaveArea.smallest, hasRoom(thread, mappings: mappings)
    else { return nil }
    let registers = thread.registers
    if InterruptedCall.isInCall(registers) {
      let result = Int64(bitPattern: registers.rax)
      if InterruptedCall.restart.contains(result) { return 1 }
      if result == InterruptedCall.restartUnlessHandled { return 2 }
      if result == InterruptedCall.restartBlock { return 3 }
      // The call is done; only its result is in flight.
      return 1
    }
    return 0
  }

  /// The stack pointer is on the thread's own stack, with room below. glibc puts the thread control block at the top of the stack it
  /// allocates, which tells a thread's stack from a fibre's or a signal stack.
  private static func hasRoom(_ thread: Tracee, mappings: [Mapping]) -> Bool {
    let registers = thread.registers
    guard let mapping = mappings.containing(registers.rsp),
      isStack(
        start: mapping.start, end: mapping.end, isPrivateWritable: mapping.isWritablePrivate,
        isMainStack: mapping.path == "[stack]", registers: registers)
    else { return false }
    let room = stackRoom + (thread.vectorState.count > largeVectorState ? largeStackRoom : 0)
    return registers.rsp - mapping.start >= room + ThreadState.redZone
  }

  private static func isStack(
    start: UInt64, end: UInt64, isPrivateWritable: Bool, isMainStack: Bool, registers: clinux_registers
  ) -> Bool {
    guard isPrivateWritable else { return false }
    if isMainStack { return true }
    return registers.fs_base >= start && registers.fs_base < end && registers.rsp < registers.fs_base
  }

  enum Failure: Error {
    case noThread(reason: String)
    case seccomp(reason: String)
    case shadowStack
  }

  /// Index of the best thread. Those without children come first: the others need not wait for them. Looks closely only at the few best ones.
  static func best(
    of threads: [Tracee], parents: Set<Int32>, pid: Int32, mappings: [Mapping], memory: LiveMemory, mappingsFile: Int32,
    allowsUnknownFilter: Bool, calls: [SeccompFilter.Call]
  ) throws(Failure) -> Int {
    let ranked = threads.indices.compactMap { index in
      rank(threads[index], mappings: mappings).map {
        (parent: parents.contains(threads[index].tid) ? 1 : 0, rank: $0, index: index)
      }
    }
    .sorted { ($0.parent, $0.rank, $0.index) < ($1.parent, $1.rank, $1.index) }
    guard !ranked.isEmpty else {
      throw .noThread(reason: "none stands on a thread stack with room to spare")
    }
    var refusal = Failure.noThread(reason: "every candidate is inside a restartable sequence")
    var looked = 0
    for candidate in ranked {
      let thread = threads[candidate.index]
      if candidate.rank == 0 && !isOutsideRestartableSequence(thread, memory: memory) { continue }
      guard isUnchanged(thread, mappings: mappings, mappingsFile: mappingsFile) else { continue }
      guard let bytes = try? contents(of: "/proc/\(pid)/task/\(thread.tid)/status", limit: 1 << 16) else { continue }
      let status = ProcessStatus(parsing: bytes)
      if status.threadFeatures.contains("shstk") {
        refusal = .shadowStack
      } else if let reason = SeccompFilter.refusal(
        mode: status.seccompMode, tid: thread.tid, calls: calls, allowsUnknown: allowsUnknownFilter)
      {
        refusal = .seccomp(reason: reason)
      } else {
        return candidate.index
      }
      looked += 1
      if looked == candidateLimit { break }
    }
    throw refusal
  }

  /// A changed instruction pointer inside a restartable sequence makes the kernel forget the sequence silently (rseq(2)). Where the kernel
  /// cannot tell (before 5.13), a thread in its own code is not used.
  private static func isOutsideRestartableSequence(_ thread: Tracee, memory: LiveMemory) -> Bool {
    var address: UInt64 = 0
    guard clinux_get_rseq(thread.tid, &address) >= 0 else { return false }
    guard address != 0 else { return true }
    // struct rseq: cpu_id_start u32, cpu_id u32, rseq_cs u64.
    guard let section = try? memory.load(UInt64.self, at: address &+ 8) else { return false }
    return section == 0
  }

  /// The list of mappings is older than the stop. Asks the kernel about this one again, where it can (6.11).
  private static func isUnchanged(_ thread: Tracee, mappings: [Mapping], mappingsFile: Int32) -> Bool {
    var start: UInt64 = 0
    var end: UInt64 = 0
    var flags: UInt64 = 0
    let result = clinux_query_mapping(mappingsFile, thread.registers.rsp, &start, &end, &flags)
    if result == -ENOTTY || result == -EINVAL { return true }
    guard result == 0, let known = mappings.containing(thread.registers.rsp) else { return false }
    // 1 read, 2 write, 8 shared.
    let isPrivateWritable = flags & 0b1011 == 0b0011
    return start <= known.start
      && isStack(
        start: start, end: end, isPrivateWritable: isPrivateWritable, isMainStack: known.path == "[stack]",
        registers: thread.registers)
  }
}
