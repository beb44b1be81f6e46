import Synchronization

/// What the policy knows of one entry and no hit touches: 16 bytes, linked into the list of its segment.
///
/// Keys and values are elsewhere: the policy works on hashes and weights alone, so that a simulator can drive it without a store.
@usableFromInline
package struct PolicyNode {
  @usableFromInline var links = NodeLinks()
  /// Upper half of the key's seeded hash: rebuilds the index without hashing again, and feeds the frequency sketch.
  @usableFromInline var hash: UInt32
  /// 28 bits of weight, 1 bit for a node in use, 3 bits for the segment.
  @usableFromInline var weightAndSegment: UInt32

  @inline(__always)
  init(hash: UInt32, weight: UInt64, segment: Segment) {
    self.hash = hash
    weightAndSegment =
      UInt32(truncatingIfNeeded: min(weight, Self.maximumWeight)) &<< 4 | Self.usedBit | UInt32(segment.rawValue)
  }

  /// Identifiers are smaller than this.
  @usableFromInline static let identifierLimit: UInt32 = 1 << 23

  @usableFromInline static let maximumWeight: UInt64 = (1 << 28) - 1

  @inline(__always)
  var weight: UInt64 { UInt64(weightAndSegment &>> 4) }

  @inline(__always)
  var segment: Segment {
    get { Segment(rawValue: UInt8(truncatingIfNeeded: weightAndSegment & 7)) ?? .none }
    set { weightAndSegment = weightAndSegment & ~7 | UInt32(newValue.rawValue) }
  }

  mutating func setWeight(_ weight: UInt64) {
    weightAndSegment = UInt32(truncatingIfNeeded: min(weight, Self.maximumWeight)) &<< 4 | weightAndSegment & 15
  }

  static let usedBit: UInt32 = 8
  var isInUse: Bool { weightAndSegment & Self.usedBit != 0 }
}

/// What a hit reads and writes of an entry beside its key and value: the beginning of its slot, 8 bytes.
@usableFromInline
package struct EntryUse {
  /// Not the policy's: when the entry was written, or when it ends (`EntryTimes`).
  @usableFromInline var written: UInt32
  /// 24 bits: the epoch of the last access. 8 bits: hits since the policy last looked.
  @usableFromInline var access: UInt32

  @inline(__always)
  init(written: UInt32, access: UInt32) {
    self.written = written
    self.access = access
  }

  /// Where these lie.
  @usableFromInline static let writtenOffset = 0
  @usableFromInline static let accessOffset = 4

  var hits: UInt32 { access & 255 }
  var accessEpoch: UInt32 { access >> 8 }
}

/// Where an entry stands in the policy.
enum Segment: UInt8 {
  /// Free, or pinned: in no list, never a victim.
  case none = 0
  case window = 1
  case probation = 2
  case protected = 3
  /// In no list yet, because the cache was never full: see `EvictionPolicy.settle`.
  case fresh = 4
}

/// The neighbours of a node in its list.
@usableFromInline
package struct NodeLinks {
  /// 24 bits each for the neighbours, and 16 that are not the policy's.
  private var bits: UInt64 = 0
  private static let mask: UInt64 = 1 << 24 - 1
  private static let others: UInt64 = ~(1 << 48 - 1)

  init() {}

  @inline(__always)
  mutating func set(previous: UInt32, next: UInt32) {
    bits = bits & Self.others | UInt64(next) &<< 24 | UInt64(previous)
  }

  var previous: UInt32 {
    get { UInt32(truncatingIfNeeded: bits & Self.mask) }
    set { bits = bits & ~Self.mask | UInt64(newValue) }
  }

  var next: UInt32 {
    get { UInt32(truncatingIfNeeded: bits &>> 24 & Self.mask) }
    set { bits = bits & (Self.mask | Self.others) | UInt64(newValue) &<< 24 }
  }

  /// What the pool's owner keeps here; it stays where a node moves from list to list.
  var ofOwner: UInt16 {
    get { UInt16(truncatingIfNeeded: bits &>> 48) }
    set { bits = bits & ~Self.others | UInt64(newValue) &<< 48 }
  }
}

/// Nodes and slots in chunks of 512, addressed by a 32-bit identifier; freed ones are linked through `next`.
///
/// A slot begins with an `EntryUse`; the rest belongs to the pool's user. A chunk is known by where its slots begin; its nodes lie before them, the first
/// one last, so that both are found without knowing how large the chunk is. Hits touch slots only, and what touches many entries on its way touches nodes
/// only: so much more of either fits into a processor's cache, which decides how long a look-up in a large cache takes.
///
/// Full chunks never move; the last one grows by halves until it is full,
/// so that few entries need little memory, and moves then: addresses hold until the next `allocate`. The first `reserved` identifiers are
/// list heads of the policy: they have links and no slot.
@usableFromInline
struct NodePool {
  @usableFromInline static let chunkShift: UInt32 = 9
  @usableFromInline static let chunkSize: UInt32 = 1 << chunkShift
  @usableFromInline static let reserved: UInt32 = chunkSize
  private static var firstChunk: Int { Int(reserved >> chunkShift) }
  #if canImport(ObjectiveC)
    // Weak references of Objective-C are known to its runtime by their address.
    private static let smallestChunk = chunkSize
  #else
    private static let smallestChunk: UInt32 = 16
  #endif
  /// Chunks that the table of a pool without entries has room for.
  private static let firstCapacity = 4
  private static let headCount = 3 * Int(RecencyQueue.epochs)

  @usableFromInline var chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>
  /// Bytes from one slot to the next.
  @usableFromInline let stride: Int
  private let alignment: Int
  private static let nodeSize = MemoryLayout<PolicyNode>.stride
  private var heads = noHeads
  /// Of all pools that have no lists yet; never written.
  nonisolated(unsafe) private static let noHeads = newHeads()
  private var chunkCount: Int
  private var chunkCapacity: Int
  @usableFromInline private(set) var free: UInt32 = 0
  /// Identifiers below this have been handed out at least once.
  @usableFromInline var highWater: UInt32
  /// Identifiers below this have memory.
  private var end: UInt32
  /// Entries that there will be when the cache is full, as far as that can be told: memory for more is taken in small steps.
  var expected: UInt32 = .max

  init(stride: Int, alignment: Int) {
    self.stride = stride
    self.alignment = alignment
    chunkCapacity = Self.firstCapacity
    chunks = .allocate(capacity: Self.firstCapacity)
    chunkCount = Self.firstChunk
    highWater = Self.reserved
    end = Self.reserved
  }

  /// The owner ends the life of the memory; the value itself is a handle.
  func deallocate() {
    allChunks.deallocate()
    if heads != Self.noHeads { heads.deallocate() }
  }

  /// The blocks that slots lie in.
  func visitChunks(_ body: (UnsafeRawPointer) -> Void) {
    for block in allChunks.blocks { body(UnsafeRawPointer(block)) }
  }

  /// Memory for list heads, each of them a list without entries.
  mutating func makeHeads() {
    if heads == Self.noHeads { heads = Self.newHeads() }
  }

  private static func newHeads() -> UnsafeMutablePointer<NodeLinks> {
    let memory = UnsafeMutablePointer<NodeLinks>.allocate(capacity: headCount)
    memory.initialize(repeating: NodeLinks(), count: headCount)
    return memory
  }

  /// The node of an entry.
  @inlinable @inline(__always)
  subscript(_ id: UInt32) -> UnsafeMutablePointer<PolicyNode> { Self.node(id, chunks) }

  /// Its use: the beginning of its slot.
  @inlinable @inline(__always)
  func use(_ id: UInt32) -> UnsafeMutablePointer<EntryUse> { slot(id).assumingMemoryBound(to: EntryUse.self) }

  @inlinable @inline(__always)
  func slot(_ id: UInt32) -> UnsafeMutableRawPointer { Self.slot(id, chunks, stride: stride) }

  /// Where a slot lies in chunks; for views of them that keep less than the pool.
  @inlinable @inline(__always)
  static func slot(
    _ id: UInt32, _ chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>, stride: Int
  ) -> UnsafeMutableRawPointer {
    chunks[Int(id &>> chunkShift)] + Int(id & (chunkSize &- 1)) &* stride
  }

  /// The same for a node.
  @inlinable @inline(__always)
  static func node(
    _ id: UInt32, _ chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>
  ) -> UnsafeMutablePointer<PolicyNode> {
    chunks[Int(id &>> chunkShift)].assumingMemoryBound(to: PolicyNode.self) - Int(id & (chunkSize &- 1)) - 1
  }

  /// The word of an entry that readers write together: see `EntryUse.access`.
  @inlinable @inline(__always)
  func sharedAccess(_ id: UInt32) -> UnsafeMutablePointer<Atomic<UInt32>> {
    (slot(id) + EntryUse.accessOffset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  /// What lists need of the pool.
  @inline(__always)
  var nodes: Nodes { Nodes(chunks: chunks, heads: heads) }

  /// A view of the pool in two words, which fit into registers where a pool would be copied.
  struct Nodes {
    let chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>
    let heads: UnsafeMutablePointer<NodeLinks>

    @inline(__always)
    subscript(_ id: UInt32) -> UnsafeMutablePointer<PolicyNode> { NodePool.node(id, chunks) }

    @inline(__always)
    func head(_ id: UInt32) -> UnsafeMutablePointer<NodeLinks> { heads + Int(id) }

    /// Of an entry or of a list head.
    @inline(__always)
    func links(_ id: UInt32) -> UnsafeMutablePointer<NodeLinks> {
      if id < NodePool.reserved { return head(id) }
      // The links are a node's first field.
      return UnsafeMutableRawPointer(self[id]).assumingMemoryBound(to: NodeLinks.self)
    }
  }

  /// Whether there are identifiers left.
  @inlinable @inline(__always)
  var hasRoom: Bool { free != 0 || highWater < PolicyNode.identifierLimit }

  /// An identifier that has this node, and this use in its slot. The rest of the slot is not initialized.
  @inline(__always)
  mutating func allocate(_ node: PolicyNode, _ use: EntryUse) -> UInt32 {
    let id = free
    guard id != 0 else { return allocateFurther(node, use) }
    free = self[id].pointee.links.next
    set(id, node, use)
    return id
  }

  /// The same with an identifier that was never in use.
  private mutating func allocateFurther(_ node: PolicyNode, _ use: EntryUse) -> UInt32 {
    let id = highWater
    if id == end { addMemory() }
    highWater &+= 1
    set(id, node, use)
    return id
  }

  @inline(__always)
  func set(_ id: UInt32, _ node: PolicyNode, _ use: EntryUse) {
    self[id].initialize(to: node)
    self.use(id).initialize(to: use)
  }

  @inline(__always)
  mutating func release(_ id: UInt32) {
    let node = self[id]
    node.pointee.weightAndSegment = 0
    node.pointee.links.next = free
    free = id
  }

  /// All entries, in the order of their memory.
  func visitInUse(_ body: (UInt32, UnsafeMutablePointer<PolicyNode>) -> Void) {
    for index in Self.firstChunk..<chunkCount {
      let first = UInt32(index) << Self.chunkShift
      for id in first..<min(first + Self.chunkSize, highWater) where self[id].pointee.isInUse { body(id, self[id]) }
    }
  }

  /// Memory that a pool has or had.
  struct Chunks {
    fileprivate let table: UnsafeMutablePointer<UnsafeMutableRawPointer>
    fileprivate let count: Int
    /// Bytes before the slots: of the last chunk, and of the others.
    fileprivate let before: (last: Int, others: Int)

    /// The blocks of malloc.
    fileprivate var blocks: some Sequence<UnsafeMutableRawPointer> {
      (NodePool.firstChunk..<count).lazy.map { [self] index in
        table[index] - (index == count - 1 ? before.last : before.others)
      }
    }

    func deallocate() {
      for block in blocks { block.deallocate() }
      table.deallocate()
    }
  }

  private var allChunks: Chunks {
    Chunks(
      table: chunks, count: chunkCount,
      before: (bytesOfNodes((end &- 1) % Self.chunkSize + 1), bytesOfNodes(Self.chunkSize)))
  }

  /// Bytes before the slots of a chunk of so many.
  private func bytesOfNodes(_ count: UInt32) -> Int { (Int(count) * Self.nodeSize + alignment - 1) & ~(alignment - 1) }

  /// Hands over all chunks, for who asked to free them; only when no entry is left.
  mutating func takeAll() -> Chunks {
    let old = allChunks
    chunkCapacity = Self.firstCapacity
    chunks = .allocate(capacity: Self.firstCapacity)
    chunkCount = Self.firstChunk
    free = 0
    highWater = Self.reserved
    end = Self.reserved
    return old
  }

  /// Another chunk, or a larger last one.
  @inline(never)
  private mutating func addMemory() {
    let used = end & (Self.chunkSize - 1)
    let size = used == 0 ? Self.smallestChunk : min(used + growth(of: used), Self.chunkSize)
    if used == 0, chunkCount == chunkCapacity { growTable() }
    let before = bytesOfNodes(size)
    let block = UnsafeMutableRawPointer.allocate(byteCount: before + Int(size) * stride, alignment: alignment)
    let chunk = block + before
    let usedNodes = Int(used) * Self.nodeSize
    // Zeros, because stale words of other blocks would look like references to who reads the memory from outside.
    block.initializeMemory(as: UInt8.self, repeating: 0, count: before - usedNodes)
    (chunk + Int(used) * stride).initializeMemory(as: UInt8.self, repeating: 0, count: Int(size - used) * stride)
    if used == 0 {
      (chunks + chunkCount).initialize(to: chunk)
      chunkCount += 1
    } else {
      // Keys and values move with the nodes: those of Swift do not depend on their own address.
      let old = chunks[chunkCount - 1]
      (chunk - usedNodes).copyMemory(from: old - usedNodes, byteCount: usedNodes + Int(used) * stride)
      (old - bytesOfNodes(used)).deallocate()
      chunks[chunkCount - 1] = chunk
    }
    end = UInt32(chunkCount - 1) << Self.chunkShift + size
  }

  /// Slots that the last chunk gets, which has this many: half as many again, or as many as are expected.
  private func growth(of used: UInt32) -> UInt32 {
    let missing = expected > end - Self.reserved ? expected - (end - Self.reserved) : used / 8
    return min(used / 2, max(missing, 4))
  }

  private mutating func growTable() {
    let larger = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: chunkCapacity * 2)
    (larger + Self.firstChunk).moveInitialize(from: chunks + Self.firstChunk, count: chunkCount - Self.firstChunk)
    chunks.deallocate()
    chunks = larger
    chunkCapacity *= 2
  }
}
