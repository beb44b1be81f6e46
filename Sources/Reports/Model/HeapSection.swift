extension ReportModel {
  /// The heap as the allocator's own structures describe it.
  public struct Heap: Codable, Hashable, Sendable {
    /// `glibc 2.36`, or the name of an allocator that is not known by structure.
    public var allocator: String
    /// Every live block is listed and nothing else is.
    public var isExact: Bool
    /// Live blocks.
    public var blocks: UInt64
    /// Their usable bytes.
    public var bytes: UInt64
    /// Blocks whose type is known.
    public var typedBlocks: UInt64
    /// Held by the allocator and free: bins, thread caches, tops of arenas. In bytes.
    public var freeBytes: UInt64
    /// What `malloc_trim(0)` gave back when it was run in the copy; nil where it was not tried.
    public var trimmedBytes: UInt64?
    public var arenas: [Arena]
    public var checks: [Check]

    public init(
      allocator: String, isExact: Bool, blocks: UInt64, bytes: UInt64, typedBlocks: UInt64 = 0, freeBytes: UInt64 = 0,
      arenas: [Arena] = [], checks: [Check] = []
    ) {
      self.allocator = allocator
      self.isExact = isExact
      self.blocks = blocks
      self.bytes = bytes
      self.typedBlocks = typedBlocks
      self.freeBytes = freeBytes
      self.arenas = arenas
      self.checks = checks
    }

    public var failedChecks: [Check] { checks.filter { !$0.passed } }
  }

  /// One malloc arena. Sizes in bytes.
  public struct Arena: Codable, Hashable, Sendable {
    public var address: String
    public var isMain: Bool
    public var systemBytes: UInt64
    public var liveBlocks: UInt64
    public var liveBytes: UInt64
    public var freeBytes: UInt64
    public var topBytes: UInt64
    /// A thread stood inside this arena's lock.
    public var isLocked: Bool

    public init(
      address: String, isMain: Bool, systemBytes: UInt64, liveBlocks: UInt64, liveBytes: UInt64, freeBytes: UInt64,
      topBytes: UInt64, isLocked: Bool
    ) {
      self.address = address
      self.isMain = isMain
      self.systemBytes = systemBytes
      self.liveBlocks = liveBlocks
      self.liveBytes = liveBytes
      self.freeBytes = freeBytes
      self.topBytes = topBytes
      self.isLocked = isLocked
    }
  }

  /// A number that was counted and that the allocator knows too.
  public struct Check: Codable, Hashable, Sendable {
    public var name: String
    public var expected: UInt64
    public var found: UInt64
    public var passed: Bool

    public init(name: String, expected: UInt64, found: UInt64) {
      self.name = name
      self.expected = expected
      self.found = found
      self.passed = expected == found
    }
  }

  /// All live blocks of one type.
  public struct CensusRow: Codable, Hashable, Sendable {
    public var type: String
    /// `class`, `arrayStorage`, `closureContext`, `task`, `native` and the like; `unknown` where there is no type.
    public var kind: String
    public var count: UInt64
    public var bytes: UInt64

    public init(type: String, kind: String, count: UInt64, bytes: UInt64) {
      self.type = type
      self.kind = kind
      self.count = count
      self.bytes = bytes
    }
  }
}
