import Synchronization

/// The policy's view of one entry: 24 bytes, linked into the list of its segment.
///
/// Keys and values are elsewhere: the policy works on hashes and weights alone, so that a simulator can drive it without a store.
@usableFromInline
package struct PolicyNode {
  @usableFromInline var links = NodeLinks()
  /// Upper half of the key's seeded hash: rebuilds the index without hashing again, and feeds the frequency sketch.
  @usableFromInline var hash: UInt32
  /// 28 bits of weight, 1 bit for a node in use, 3 bits for the segment.
  @usableFromInline var weightAndSegment: UInt32
  /// Not the policy's: when the entry was written, or when it ends (`EntryTimes`).
  @usableFromInline var written: UInt32
  /// 24 bits: the epoch of the last access. 8 bits: hits since the policy last looked. The last field, because what a hit needs of an entry
  /// begins here and is best in one cache line.
  @usableFromInline var access: UInt32

  @inline(__always)
  init(hash: UInt32, weight: UInt64, segment: Segment, written: UInt32, access: UInt32) {
    self.hash = hash
    weightAndSegment =
      UInt32(truncatingIfNeeded: min(weight, Self.maximumWeight)) &<< 4 | Self.usedBit | UInt32(segment.rawValue)
    self.written = written
    self.access = access
  }

  /// Identifiers are smaller than this.
  @usableFromInline static let identifierLimit: UInt32 = 1 << 23

  /// Where `written` and `access` lie.
  @usableFromInline static let writtenOffset = 16
  @usableFromInline static let accessOffset = 20
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

/// Nodes in chunks of 512, addressed by a 32-bit identifier; freed ones are linked through `next`.
///
/// A node may be the beginning of a larger slot whose rest belongs to the pool's user. Full chunks never move; the last one grows by halves until it is full,
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
    Chunks(table: chunks, count: chunkCount).deallocate()
    if heads != Self.noHeads { heads.deallocate() }
  }

  /// The blocks that slots lie in.
  func visitChunks(_ body: (UnsafeRawPointer) -> Void) {
    for index in Self.firstChunk..<chunkCount { body(UnsafeRawPointer(chunks[index])) }
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
  subscript(_ id: UInt32) -> UnsafeMutablePointer<PolicyNode> {
    slot(id).assumingMemoryBound(to: PolicyNode.self)
  }

  @inlinable @inline(__always)
  func slot(_ id: UInt32) -> UnsafeMutableRawPointer { Self.slot(id, chunks, stride: stride) }

  /// Where a slot lies in chunks; for views of them that keep less than the pool.
  @inlinable @inline(__always)
  static func slot(
    _ id: UInt32, _ chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>, stride: Int
  ) -> UnsafeMutableRawPointer {
    chunks[Int(id &>> chunkShift)] + Int(id & (chunkSize &- 1)) &* stride
  }

  /// The word of an entry that readers write together: see `PolicyNode.access`.
  @inlinable @inline(__always)
  func sharedAccess(_ id: UInt32) -> UnsafeMutablePointer<Atomic<UInt32>> {
    (slot(id) + PolicyNode.accessOffset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  /// What lists need of the pool.
  @inline(__always)
  var nodes: Nodes { Nodes(chunks: chunks, stride: stride, heads: heads) }

  /// A view of the pool in three words, which fit into registers where a pool would be copied.
  struct Nodes {
    let chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>
    let stride: Int
    let heads: UnsafeMutablePointer<NodeLinks>

    @inline(__always)
    subscript(_ id: UInt32) -> UnsafeMutablePointer<PolicyNode> {
      NodePool.slot(id, chunks, stride: stride).assumingMemoryBound(to: PolicyNode.self)
    }

    @inline(__always)
    func head(_ id: UInt32) -> UnsafeMutablePointer<NodeLinks> { heads + Int(id) }

    /// Of an entry or of a list head.
    @inline(__always)
    func links(_ id: UInt32) -> UnsafeMutablePointer<NodeLinks> {
      if id < NodePool.reserved { return head(id) }
      return NodePool.slot(id, chunks, stride: stride).assumingMemoryBound(to: NodeLinks.self)
    }
  }

  /// Whether there are identifiers left.
  @inlinable @inline(__always)
  var hasRoom: Bool { free != 0 || highWater < PolicyNode.identifierLimit }

  /// An identifier whose slot holds this node now. The rest of the slot is not initialized.
  @inline(__always)
  mutating func allocate(_ node: PolicyNode) -> UInt32 {
    let id = free
    guard id != 0 else { return allocateFurther(node) }
    let place = self[id]
    free = place.pointee.links.next
    place.initialize(to: node)
    return id
  }

  /// The same with an identifier that was never in use.
  private mutating func allocateFurther(_ node: PolicyNode) -> UInt32 {
    let id = highWater
    if id == end { addMemory() }
    highWater &+= 1
    slot(id).initializeMemory(as: PolicyNode.self, to: node)
    return id
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
      var slot = chunks[index]
      for id in first..<min(first + Self.chunkSize, highWater) {
        let node = slot.assumingMemoryBound(to: PolicyNode.self)
        if node.pointee.isInUse { body(id, node) }
        slot += stride
      }
    }
  }

  /// Memory that a pool had.
  struct Chunks {
    fileprivate let table: UnsafeMutablePointer<UnsafeMutableRawPointer>
    fileprivate let count: Int

    func deallocate() {
      for index in NodePool.firstChunk..<count { table[index].deallocate() }
      table.deallocate()
    }
  }

  /// Hands over all chunks, for who asked to free them; only when no entry is left.
  mutating func takeAll() -> Chunks {
    let old = Chunks(table: chunks, count: chunkCount)
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
    let chunk = UnsafeMutableRawPointer.allocate(byteCount: Int(size) * stride, alignment: alignment)
    // Zeros, because stale words of other blocks would look like references to who reads the memory from outside.
    (chunk + Int(used) * stride).initializeMemory(as: UInt8.self, repeating: 0, count: Int(size - used) * stride)
    if used == 0 {
      (chunks + chunkCount).initialize(to: chunk)
      chunkCount += 1
    } else {
      // Keys and values move with the nodes: those of Swift do not depend on their own address.
      chunk.copyMemory(from: chunks[chunkCount - 1], byteCount: Int(used) * stride)
      chunks[chunkCount - 1].deallocate()
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
