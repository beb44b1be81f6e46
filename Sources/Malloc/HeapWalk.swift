import ProcessImage

/// What an allocator's walk of an image found.
public struct HeapWalk: Sendable {
  /// `glibc 2.36`, or `jemalloc` and the like where the allocator is not known by structure.
  public var allocator: String
  /// Every live block is listed and nothing else is: leaks may be judged.
  public var isExact: Bool
  public var blocks: BlockTable
  /// One a malloc arena: main first.
  public var arenas: [Arena]
  /// The walk checked against the allocator's own counters.
  public var checks: [SelfCheck]
  /// Address ranges that belong to the allocator and hold no roots: its arenas' bookkeeping, heap segments outside live blocks,
  /// mmapped chunks. Sorted, not overlapping.
  public var ownedRanges: [Range<UInt64>]
  /// Live blocks that are the allocator's own (tcache structs), by address.
  public var internalBlocks: [UInt64]
  /// Blocks that a thread inside the allocator was just handing out or taking back, by address. They look live; whether they are
  /// is not decided yet, so they are no leaks, and what they refer to is none.
  public var blocksInFlight: [UInt64]
  /// What was skipped or repaired, in sentences.
  public var remarks: [String]

  public init(
    allocator: String, isExact: Bool, blocks: BlockTable, arenas: [Arena] = [], checks: [SelfCheck] = [],
    ownedRanges: [Range<UInt64>] = [], internalBlocks: [UInt64] = [], blocksInFlight: [UInt64] = [],
    remarks: [String] = []
  ) {
    self.allocator = allocator
    self.isExact = isExact
    self.blocks = blocks
    self.arenas = arenas
    self.checks = checks
    self.ownedRanges = ownedRanges
    self.internalBlocks = internalBlocks
    self.blocksInFlight = blocksInFlight
    self.remarks = remarks
  }

  /// One malloc arena. All sizes in bytes.
  public struct Arena: Sendable, Hashable {
    public var address: UInt64
    public var isMain: Bool
    /// Obtained from the system, as the arena's own counter has it.
    public var systemBytes: UInt64
    public var liveBlocks: Int
    public var liveBytes: UInt64
    /// Free chunks in bins, fastbins and thread caches; not the top chunk.
    public var freeBytes: UInt64
    /// The top chunk: free memory at the end, the only part that a trim from the top returns.
    public var topBytes: UInt64
    /// Where the top chunk begins; 0 where it is not known.
    public var topAddress: UInt64
    /// A thread stood inside this arena's lock at the freeze.
    public var isLocked: Bool

    public init(
      address: UInt64, isMain: Bool, systemBytes: UInt64, liveBlocks: Int, liveBytes: UInt64, freeBytes: UInt64,
      topBytes: UInt64, topAddress: UInt64 = 0, isLocked: Bool
    ) {
      self.address = address
      self.isMain = isMain
      self.systemBytes = systemBytes
      self.liveBlocks = liveBlocks
      self.liveBytes = liveBytes
      self.freeBytes = freeBytes
      self.topBytes = topBytes
      self.topAddress = topAddress
      self.isLocked = isLocked
    }
  }

  /// A number that the walk counted and the allocator knows too.
  public struct SelfCheck: Sendable, Hashable, Codable {
    /// `system_mem of arena 0x…`, `mmapped chunks`, `tcache counts`, `chunk chain`.
    public var name: String
    public var expected: UInt64
    public var found: UInt64
    public var passed: Bool { expected == found }

    public init(name: String, expected: UInt64, found: UInt64) {
      self.name = name
      self.expected = expected
      self.found = found
    }
  }
}

/// Finds every live block of one kind of allocator. One file an allocator; `Allocators.all` lists them.
protocol HeapWalker: Sendable {
  /// Cheap structural test: is this image's heap of this kind?
  static func recognizes(_ image: ProcessImage) -> Bool
  /// - Parameter blocks: an empty builder, for the table.
  static func walk(
    _ image: ProcessImage, into blocks: BlockTable.Builder, progress: (@Sendable (Double) -> Void)?
  ) throws(MallocError) -> HeapWalk
}
