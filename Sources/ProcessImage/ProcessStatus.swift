/// `/proc/PID/status` (Linux, Documentation/filesystems/proc.rst, table 1-2). Fields that a kernel lacks have their default.
public struct ProcessStatus: Sendable, Hashable {
  /// Every line as written: name -> value without surrounding white space.
  public let fields: [String: String]

  /// - Parameter name: takes the place of the one in the text.
  public init(parsing bytes: [UInt8], name: String? = nil) {
    var fields: [String: String] = [:]
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
      let value = line[(colon + 1)...].drop { $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: " ") }
      fields[String(decoding: line[..<colon], as: UTF8.self)] = String(decoding: value, as: UTF8.self)
    }
    if let name { fields["Name"] = name }
    self.fields = fields
  }

  /// Name of the main thread, at most 15 bytes.
  public var name: String { fields["Name"] ?? "" }
  /// One letter: R, S, D, T, t, Z, X, I.
  public var state: Character { fields["State"]?.first ?? "?" }
  /// The process that this thread belongs to.
  public var processID: Int32 { Int32(clamping: number("Tgid")) }
  public var parent: Int32 { Int32(clamping: number("PPid")) }
  /// Who traces it; 0 for nobody.
  public var tracer: Int32 { Int32(clamping: number("TracerPid")) }
  public var threadCount: Int { number("Threads") }
  /// Real, effective, saved and file-system user id.
  public var userIDs: [UInt32] { words("Uid").compactMap { UInt32($0) } }
  /// Its process id in each pid namespace, from ours to its own.
  public var namespacePIDs: [Int32] { words("NSpid").compactMap { Int32($0) } }
  /// Memory of page tables in bytes: what a copy-on-write copy needs at least.
  public var pageTableBytes: UInt64 { bytes("VmPTE") }
  public var residentBytes: UInt64 { bytes("VmRSS") }
  public var addressSpaceBytes: UInt64 { bytes("VmSize") }
  /// 0 none, 1 strict, 2 filter.
  public var seccompMode: Int { number("Seccomp") }
  /// Effective and permitted capabilities, one bit each.
  public var effectiveCapabilities: UInt64 { mask("CapEff") }
  public var permittedCapabilities: UInt64 { mask("CapPrm") }
  /// Signals that the thread holds back, the first one in the lowest bit.
  public var blockedSignals: UInt64 { mask("SigBlk") }
  /// For instance `shstk`.
  public var threadFeatures: [String] { words("x86_Thread_features") }

  private func words(_ key: String) -> [String] {
    (fields[key] ?? "").split { $0 == " " || $0 == "\t" }.map(String.init)
  }
  private func number(_ key: String) -> Int { words(key).first.flatMap { Int($0) } ?? 0 }
  /// A size that the kernel writes as `1234 kB`, in bytes; 0 where it is missing. `/proc/meminfo` has the same form.
  func bytes(_ key: String) -> UInt64 {
    let value = words(key).first.flatMap { UInt64($0) } ?? 0
    return value.multipliedReportingOverflow(by: 1024).overflow ? .max : value * 1024
  }
  private func mask(_ key: String) -> UInt64 { UInt64(fields[key] ?? "", radix: 16) ?? 0 }
}

/// `/proc/PID/stat` or `/proc/PID/task/TID/stat` (man 5 proc_pid_stat).
public struct ProcessStat: Sendable, Hashable {
  public var id: Int32
  /// May hold spaces, parentheses and newlines.
  public var name: String
  public var state: Character
  public var parent: Int32
  /// `PF_…` bits of the kernel.
  public var flags: UInt64
  /// Ticks since boot: with the id it names a process for good.
  public var startTime: UInt64
  /// Seconds since it began, those included in which the machine slept.
  public var age: Double { Double(Clocks.boot) / 1e9 - Double(startTime) / Clocks.ticksPerSecond }
  /// Signal to the parent at its end; 0 for the copies that memwhy makes.
  public var exitSignal: Int32
  /// Page faults without and with I/O.
  public var minorFaults, majorFaults: UInt64
  /// Processor time in user and in kernel mode, in ticks (`Clocks.ticksPerSecond`).
  public var processorTicks: UInt64
  public var threads: UInt64
  /// Where its code and its stack begin: other ones, chosen at random, after each exec; nil for those who may not trace it.
  public var place: ProgramPlace?
  /// The thread under whose number `/proc` has the files of the memory (`maps`, `status`, `exe`, `root`); nil once the process has ended. It is the main
  /// one, until that calls `pthread_exit`: then it is a zombie, whose files are empty, while its process lives on in its other threads.
  public internal(set) var memoryThread: Int32?

  /// nil where the text is not of this format.
  public init?(parsing bytes: [UInt8]) {
    // The name is in parentheses and may hold some itself, so the last one ends it.
    guard let open = bytes.firstIndex(of: UInt8(ascii: "(")), let close = bytes.lastIndex(of: UInt8(ascii: ")")),
      open < close
    else { return nil }
    let head = String(decoding: bytes[..<open], as: UTF8.self).split(separator: " ")
    let words = String(decoding: bytes[(close + 1)...], as: UTF8.self).split { $0 == " " || $0 == "\n" }
    // words[0] is field 3, the state.
    guard let first = head.first, let id = Int32(first), words.count >= 20, let state = words[0].first,
      let parent = Int32(words[1]), let flags = UInt64(words[6]), let minorFaults = UInt64(words[7]),
      let majorFaults = UInt64(words[9]), let user = UInt64(words[11]), let kernel = UInt64(words[12]),
      let threads = UInt64(words[17]), let startTime = UInt64(words[19])
    else { return nil }
    self.id = id
    name = String(decoding: bytes[(open + 1)..<close], as: UTF8.self)
    self.state = state
    self.parent = parent
    self.flags = flags
    self.startTime = startTime
    self.minorFaults = minorFaults
    self.majorFaults = majorFaults
    processorTicks = user &+ kernel
    self.threads = threads
    place = words.count > 25 ? ProgramPlace(code: UInt64(words[23]), stack: UInt64(words[25])) : nil
    exitSignal = words.count > 35 ? Int32(words[35]) ?? 0 : 0
    let isZombieOrDead = state == "Z" || state == "X" || state == "x"
    memoryThread = isZombieOrDead ? nil : id
  }

  /// The same process with the same program in it: neither another one with its number, nor one that has started another program.
  /// True where only the programs cannot be compared.
  public func isSameProgram(as other: ProcessStat) -> Bool {
    guard id == other.id, startTime == other.startTime else { return false }
    guard let place, let otherPlace = other.place else { return true }
    return place == otherPlace
  }

  /// `PF_KTHREAD` (include/linux/sched.h).
  public var isKernelThread: Bool { flags & 0x0020_0000 != 0 }
  /// It has ended: nothing of it runs any more.
  public var hasEnded: Bool { memoryThread == nil }
  /// A copy of its parent that memwhy has made: whatever `fork` makes tells its parent that it has ended.
  public var isCopy: Bool { exitSignal == 0 && !isKernelThread }
}

/// Where the code and the stack of a process begin, which tells one program of a process from the next.
public struct ProgramPlace: Sendable, Hashable {
  public var code, stack: UInt64

  /// nil where they are not known: `/proc/PID/stat` gives those who may not trace the process the code's begin as 1 (fs/proc/array.c of Linux 6.x),
  /// and until exec(2) is done the code has none and the stack another one than afterwards (fs/binfmt_elf.c: `setup_arg_pages` sets it
  /// for the first time, `load_elf_binary` both at its end). Whoever looks right after posix_spawn(3) sees that often.
  public init?(code: UInt64?, stack: UInt64?) {
    guard let code, let stack, code > 1, stack != 0 else { return nil }
    self.code = code
    self.stack = stack
  }

  /// A hash of the place, for files that are kept: it tells one program from another, but not where they lie. Never 0.
  public var mark: UInt32 {
    // Multiplicative hashing (Knuth, The Art of Computer Programming 3, 6.4) by 2^64 divided by the golden ratio.
    let mixed = (code &* 0x9e37_79b9_7f4a_7c15 ^ stack) &* 0x9e37_79b9_7f4a_7c15
    return max(UInt32(truncatingIfNeeded: mixed >> 32), 1)
  }
}
