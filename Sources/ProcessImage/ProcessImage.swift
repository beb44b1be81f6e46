/// A process at one instant: its mappings, modules, threads with registers, and its memory.
public struct ProcessImage: Sendable {
  /// Where the bytes come from, and so what may be concluded from them.
  public enum Source: Sendable, Hashable {
    /// A copy-on-write copy of the process: one instant, all registers.
    case frozen
    /// What was needed was copied while the process was stopped: one instant, all registers.
    case stopped
    /// The process goes on running while it is read: no instant, no registers, no statement about leaks.
    case running
    /// An ELF core file: one instant, all registers.
    case core
    /// A test's bytes.
    case bytes
  }

  public var source: Source
  /// Process id in our own pid namespace; nil for a core file or a test.
  public var pid: Int32?
  /// Name as in `/proc/PID/comm`, or the core file's.
  public var name: String
  /// Sorted by address, not overlapping.
  public var mappings: [Mapping]
  /// Loaded ELF files, sorted by base address, the main executable included.
  public var modules: [Module]
  /// Empty for `.running`.
  public var threads: [ThreadState]
  public var memory: any MemoryReader
  /// Opens a module's file where the target sees it.
  public var files: any ModuleFiles
  /// What the freeze cost; nil where nothing was frozen.
  public var freeze: FreezeReport?
  /// Bytes of memory that the source should have and has not: a core file that was cut off.
  public var missingBytes: UInt64 = 0
  /// Words that the kernel held around that instant; none of a core file.
  public var kernelWords: Set<KernelWord> = []
  /// What the source lacks, in sentences.
  public var remarks: [String] = []

  public init(
    source: Source, pid: Int32?, name: String, mappings: [Mapping], modules: [Module], threads: [ThreadState],
    memory: any MemoryReader, files: any ModuleFiles, freeze: FreezeReport? = nil
  ) {
    self.source = source
    self.pid = pid
    self.name = name
    self.mappings = mappings
    self.modules = modules
    self.threads = threads
    self.memory = memory
    self.files = files
    self.freeze = freeze
  }

  /// All threads stood still while the bytes were taken and all bytes are there, so that unreachable means unreachable.
  public var isConsistent: Bool { source != .running && missingBytes == 0 }
}

/// What a freeze promised and what it cost.
public struct FreezeReport: Sendable, Hashable {
  /// Pause that was predicted before anything was stopped, in nanoseconds.
  public var predictedPause: UInt64
  /// From the first thread asked to stop until all were running again, in nanoseconds.
  public var measuredPause: UInt64
  /// When all threads were running again, in monotonic nanoseconds: the image is of the pause before.
  public var end: UInt64
  /// Threads that were stopped.
  public var threadCount: Int
  /// Attempts that were given up because a thread did not stop within the budget.
  public var retries: Int
  /// Remarks for `-v`: a guard that was near its limit, zombies of an earlier run that were reaped, and the like.
  public var notes: [String]

  public init(
    predictedPause: UInt64, measuredPause: UInt64, end: UInt64, threadCount: Int, retries: Int = 0, notes: [String] = []
  ) {
    self.predictedPause = predictedPause
    self.measuredPause = measuredPause
    self.end = end
    self.threadCount = threadCount
    self.retries = retries
    self.notes = notes
  }
}
