import CLinux
import ProcessImage

/// Every live heap block, sorted by address. A block's identity is its index here, from the walk to the report.
///
/// 12 bytes a block for address and size, 8 for the first word, and 4 bytes per KiB of heap for the look-up table; hardly any where they are
/// packed (`BlockPacker`).
public final class BlockTable: @unchecked Sendable {
  // Immutable after init, so sharing between threads is safe. Raw storage because look-ups are the hot path of marking:
  // every access goes through the checked accessors below.
  private let storage: BlockStorage
  /// All blocks, where there was no room for columns.
  @usableFromInline let packed: PackedBlocks?
  @usableFromInline let addresses: UnsafeMutablePointer<UInt64>
  @usableFromInline let wordCounts: UnsafeMutablePointer<UInt32>
  @usableFromInline let heads: UnsafeMutablePointer<UInt64>
  /// Address ranges without large gaps, sorted; each has its own slice of `granules`.
  @usableFromInline let regions: UnsafeMutablePointer<Region>
  @usableFromInline let regionCount: Int
  /// For each KiB of each region: index of the first block that starts at or after it.
  @usableFromInline let granules: UnsafeMutablePointer<UInt32>
  public let count: Int
  /// Sum of all blocks' usable sizes, in bytes.
  public let totalBytes: UInt64

  @usableFromInline struct Region {
    @usableFromInline var start, end: UInt64
    @usableFromInline var firstGranule: Int
    @usableFromInline var firstBlock, endBlock: UInt32
    /// One large block, no look-up entries.
    @usableFromInline var isLarge: Bool
  }

  @usableFromInline static var granuleShift: UInt64 { 10 }
  /// A gap that starts a new region; keeps the look-up table proportional to the heap, not to the address space.
  private static let regionGap: UInt64 = 1 << 20
  /// The same where only large blocks are in the table.
  private static let sparseGap: UInt64 = 1 << 14
  private static let largeBlock: UInt64 = 1 << 20

  /// One live block as the allocator's walk found it.
  public struct Block: Sendable, Hashable {
    /// First byte that `malloc` returned.
    public var address: UInt64
    /// Usable bytes (`malloc_usable_size`), a multiple of 8.
    public var size: UInt64
    /// The first 8 bytes: a Swift object's isa.
    public var head: UInt64

    public init(address: UInt64, size: UInt64, head: UInt64) {
      self.address = address
      self.size = size
      self.head = head
    }
  }

  /// Collects blocks in any order; the table sorts them. Appending in address order is fastest.
  public struct Builder: Sendable {
    @usableFromInline var storage = BlockStorage()
    /// Usable bytes of the blocks that go into the table.
    private let sizes: ClosedRange<UInt64>
    private let visitor: (any BlockVisitor)?

    /// - Parameters:
    ///   - sizes: usable bytes of the blocks that go into the table.
    ///   - visitor: is shown every block.
    public init(keeping sizes: ClosedRange<UInt64> = 0 ... .max, visitor: (any BlockVisitor)? = nil) {
      self.sizes = sizes
      self.visitor = visitor
    }

    private var isSparse: Bool { sizes != 0 ... .max }

    /// An empty one that keeps the same blocks; its visitor begins anew.
    func fresh() -> Builder {
      visitor?.begin()
      return Builder(keeping: sizes, visitor: visitor)
    }

    /// Adds a block of `size` usable bytes whose first word is `head`. Amortised O(1).
    public mutating func append(address: UInt64, size: UInt64, head: UInt64) {
      append(Block(address: address, size: size, head: head))
    }

    /// Adds blocks one after the other.
    mutating func append(_ blocks: UnsafeBufferPointer<Block>) {
      visitor?.visit(blocks)
      if !isKnownUniquelyReferenced(&storage) { storage = storage.copy() }
      guard isSparse else { return storage.append(blocks) }
      for block in blocks where sizes.contains(block.size) { storage.append(block) }
    }

    /// Adds a block. Amortised O(1).
    public mutating func append(_ block: Block) {
      withUnsafePointer(to: block) { append(UnsafeBufferPointer(start: $0, count: 1)) }
    }

    /// Sorts, drops duplicates and blocks that overlap an earlier one, and builds the look-up table.
    /// O(n) when appended in order, O(n log n) at worst. The table takes over the builder's memory; a builder that is used on gets
    /// a copy of it then.
    public consuming func build() -> BlockTable {
      BlockTable(storage, regionGap: isSparse ? BlockTable.sparseGap : BlockTable.regionGap)
    }
  }

  private init(_ storage: BlockStorage, regionGap: UInt64) {
    totalBytes = storage.settle()
    self.storage = storage
    packed = nil
    addresses = storage.addresses
    wordCounts = storage.wordCounts
    heads = storage.heads
    count = storage.count
    var list: [Region] = []
    for index in 0..<count {
      let start = addresses[index]
      let size = UInt64(wordCounts[index]) << 3
      // A large block is a region of its own, so that it costs no look-up entries.
      let isLarge = size >= Self.largeBlock
      if !isLarge, let last = list.last, !last.isLarge, start - last.end < regionGap {
        list[list.count - 1].end = start + size
        list[list.count - 1].endBlock = UInt32(index + 1)
      } else {
        list.append(
          Region(
            start: isLarge ? start : max(start & ~1023, list.last?.end ?? 0), end: start + size, firstGranule: 0,
            firstBlock: UInt32(index), endBlock: UInt32(index + 1), isLarge: isLarge))
      }
    }
    var granuleTotal = 0
    for index in list.indices where list[index].endBlock - list[index].firstBlock > 1 {
      list[index].firstGranule = granuleTotal
      granuleTotal += Self.entries(list[index])
    }
    granules = .allocate(capacity: max(granuleTotal, 1))
    for region in list where region.endBlock - region.firstBlock > 1 {
      var block = region.firstBlock
      for entry in 0..<Self.entries(region) {
        let address = region.start + (UInt64(entry) << Self.granuleShift)
        while block < region.endBlock && addresses[Int(block)] < address { block += 1 }
        granules[region.firstGranule + entry] = block
      }
    }
    regions = .allocate(capacity: max(list.count, 1))
    regions.initialize(from: list, count: list.count)
    regionCount = list.count
  }

  init(_ packed: PackedBlocks) {
    self.packed = packed
    storage = BlockStorage(capacity: 0)
    addresses = storage.addresses
    wordCounts = storage.wordCounts
    heads = storage.heads
    count = packed.count
    totalBytes = packed.totalBytes
    granules = .allocate(capacity: 1)
    regions = .allocate(capacity: 1)
    regionCount = 0
  }

  private static func entries(_ region: Region) -> Int { Int((region.end - region.start) >> granuleShift) + 2 }

  deinit {
    regions.deallocate()
    granules.deallocate()
  }

  /// First byte of a block.
  @inlinable
  public func address(_ index: Int) -> UInt64 {
    if let packed { return packed.address(index) }
    precondition(index >= 0 && index < count)
    return addresses[index]
  }

  /// Usable size of a block in bytes.
  @inlinable
  public func size(_ index: Int) -> UInt64 {
    if let packed { return packed.size(index) }
    precondition(index >= 0 && index < count)
    return UInt64(wordCounts[index]) << 3
  }

  /// The block's first 8 bytes: a Swift object's isa.
  @inlinable
  public func head(_ index: Int) -> UInt64 {
    if let packed { return packed.head(index) }
    precondition(index >= 0 && index < count)
    return heads[index]
  }

  /// The block that contains `address` (its first byte, or any byte inside), or -1. O(log(blocks per KiB)).
  @inlinable
  public func index(containing address: UInt64) -> Int {
    if let packed { return packed.index(containing: address) }
    var low = 0
    var high = regionCount
    while low < high {
      let middle = (low + high) >> 1
      if regions[middle].end <= address { low = middle + 1 } else { high = middle }
    }
    guard low < regionCount else { return -1 }
    let region = regions[low]
    guard address >= region.start else { return -1 }
    var first = Int(region.firstBlock)
    var last = Int(region.endBlock)
    if last - first > 1 {
      // Blocks that start in the granule of `address`, and the one before them.
      let granule = region.firstGranule + Int((address - region.start) >> Self.granuleShift)
      first = Swift.max(first, Int(granules[granule]) - 1)
      last = Int(granules[granule + 1])
    }
    // Last block in first..<last that starts at or before the address.
    while last - first > 1 {
      let middle = (first + last) >> 1
      if addresses[middle] <= address { first = middle } else { last = middle }
    }
    guard first < last, addresses[first] <= address else { return -1 }
    return address - addresses[first] < UInt64(wordCounts[first]) << 3 ? first : -1
  }

  /// Asks the processor for what `index(containing:)` will read of this address, for who will ask soon: addresses that stand in a row lie anywhere, and
  /// each look-up is a wait for memory. Does nothing where blocks are packed, which takes little memory. O(log regions).
  public func prefetch(containing address: UInt64) {
    var low = 0
    var high = regionCount
    while low < high {
      let middle = (low + high) >> 1
      if regions[middle].end <= address { low = middle + 1 } else { high = middle }
    }
    guard low < regionCount, address >= regions[low].start else { return }
    var first = Int(regions[low].firstBlock)
    if regions[low].endBlock - regions[low].firstBlock > 1 {
      first = Int(granules[regions[low].firstGranule + Int((address - regions[low].start) >> Self.granuleShift)])
    }
    memwhy_prefetch(addresses + first)
    memwhy_prefetch(wordCounts + first)
  }

  /// The first block that starts at or after `address`; `count` where none does. O(log n).
  public func firstIndex(atOrAfter address: UInt64) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) >> 1
      if self.address(middle) < address { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The block that starts exactly at `address`, or -1.
  @inlinable
  public func index(startingAt address: UInt64) -> Int {
    if let packed { return packed.index(startingAt: address) }
    let index = self.index(containing: address)
    return index >= 0 && addresses[index] == address ? index : -1
  }
}
