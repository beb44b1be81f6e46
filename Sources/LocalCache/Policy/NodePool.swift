import Synchronization

/// The policy's view of one entry: 24 bytes, linked into the list of its segment.
///
/// Keys and values are elsewhere: the policy works on hashes and weights alone, so that a simulator can drive it without a store.
@usableFromInline
package struct PolicyNode {
  /// 24 bits each for the neighbours in the list, 16 bits that are not the policy's: see `EntryTable.timerLinks`.
  private var links: UInt64
  /// Upper half of the key's seeded hash: rebuilds the index without hashing again, and feeds the frequency sketch.
  @usableFromInline var hash: UInt32
  /// 28 bits of weight, 1 bit for a node in use, 3 bits for the segment.
  @usableFromInline var weightAndSegment: UInt32
  /// Not the policy's: when the entry was written.
  @usableFromInline var written: UInt32 = 0
  /// 24 bits: the epoch of the last access. 8 bits: hits since the policy last looked. The last field, because what a hit needs of an entry
  /// begins here and is best in one cache line.
  @usableFromInline var access: UInt32

  init(hash: UInt32, previous: UInt32, next: UInt32, weightAndSegment: UInt32, access: UInt32) {
    self.hash = hash
    self.access = access
    self.weightAndSegment = weightAndSegment
    links = UInt64(previous) | UInt64(next) << 24
  }

  /// Identifiers are smaller than this.
  static let identifierLimit: UInt32 = 1 << 23
  private static let linkMask: UInt64 = 1 << 24 - 1

  var previous: UInt32 {
    get { UInt32(truncatingIfNeeded: links & Self.linkMask) }
    set { links = links & ~Self.linkMask | UInt64(newValue) }
  }

  var next: UInt32 {
    get { UInt32(truncatingIfNeeded: links >> 24 & Self.linkMask) }
    set { links = links & ~(Self.linkMask << 24) | UInt64(newValue) << 24 }
  }

  /// 16 bits for the pool's user.
  var spare: UInt16 {
    get { UInt16(truncatingIfNeeded: links >> 48) }
    set { links = links & (1 << 48 - 1) | UInt64(newValue) << 48 }
  }

  /// Where `written` and `access` lie.
  @usableFromInline static let writtenOffset = 16
  @usableFromInline static let accessOffset = 20
  @usableFromInline static let maximumWeight: UInt64 = (1 << 28) - 1

  var weight: UInt64 { UInt64(weightAndSegment >> 4) }

  var segment: Segment {
    get { Segment(rawValue: UInt8(truncatingIfNeeded: weightAndSegment & 7)) ?? .none }
    set { weightAndSegment = weightAndSegment & ~7 | UInt32(newValue.rawValue) }
  }

  mutating func setWeight(_ weight: UInt64) {
    weightAndSegment = UInt32(min(weight, Self.maximumWeight)) << 4 | weightAndSegment & 15
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
}

/// Nodes in chunks of 64 that never move, addressed by a 32-bit identifier; freed ones are linked through `next`.
///
/// A node may be the beginning of a larger slot whose rest belongs to the pool's user. The first `reserved` identifiers are list heads of the
/// policy: they have memory of their own and no slot.
@usableFromInline
struct NodePool {
  @usableFromInline static let chunkShift: UInt32 = 9
  @usableFromInline static let chunkSize: UInt32 = 512
  @usableFromInline static let reserved: UInt32 = 512
  private static var firstChunk: Int { Int(reserved >> chunkShift) }

  @usableFromInline var chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>
  /// Bytes from one slot to the next.
  @usableFromInline let stride: Int
  private let alignment: Int
  private let heads: UnsafeMutablePointer<PolicyNode>
  private var chunkCount: Int
  private var chunkCapacity: Int
  private var free: UInt32 = 0
  /// Identifiers below this have been handed out at least once.
  @usableFromInline var highWater: UInt32

  init(stride: Int, alignment: Int) {
    self.stride = stride
    self.alignment = alignment
    heads = .allocate(capacity: Int(Self.reserved))
    heads.initialize(repeating: Self.emptyNode, count: Int(Self.reserved))
    chunkCapacity = 4
    chunks = .allocate(capacity: 4)
    chunkCount = Self.firstChunk
    highWater = Self.reserved
  }

  /// The owner ends the life of the memory; the value itself is a handle.
  func deallocate() {
    for index in Self.firstChunk..<chunkCount { chunks[index].deallocate() }
    chunks.deallocate()
    heads.deallocate()
  }

  private static var emptyNode: PolicyNode {
    PolicyNode(hash: 0, previous: 0, next: 0, weightAndSegment: 0, access: 0)
  }

  /// The node of an entry or of a list head.
  subscript(_ id: UInt32) -> UnsafeMutablePointer<PolicyNode> {
    id < Self.reserved ? heads + Int(id) : entry(id)
  }

  /// The node of an entry.
  @inlinable @inline(__always)
  func entry(_ id: UInt32) -> UnsafeMutablePointer<PolicyNode> {
    (chunks[Int(id &>> Self.chunkShift)] + Int(id & (Self.chunkSize &- 1)) &* stride)
      .assumingMemoryBound(to: PolicyNode.self)
  }

  /// The word of an entry that readers write together: see `PolicyNode.access`.
  @inlinable @inline(__always)
  func sharedAccess(_ id: UInt32) -> UnsafeMutablePointer<Atomic<UInt32>> {
    let slot = chunks[Int(id &>> Self.chunkShift)] + Int(id & (Self.chunkSize &- 1)) &* stride
    return (slot + PolicyNode.accessOffset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  /// Whether there are identifiers left.
  var hasRoom: Bool { free != 0 || highWater < PolicyNode.identifierLimit }

  mutating func allocate() -> UInt32 {
    if free != 0 {
      let id = free
      free = entry(id).pointee.next
      return id
    }
    let id = highWater
    if Int(id >> Self.chunkShift) == chunkCount { addChunk() }
    highWater += 1
    return id
  }

  /// All entries, in the order of their memory.
  func visitInUse(_ body: (UInt32, UInt32) -> Void) {
    for id in Self.reserved..<max(highWater, Self.reserved) {
      let node = entry(id)
      if node.pointee.isInUse { body(id, node.pointee.hash) }
    }
  }

  mutating func release(_ id: UInt32) {
    entry(id).pointee.weightAndSegment = 0
    entry(id).pointee.next = free
    free = id
  }

  /// Gives all chunks back; only when no entry is left.
  mutating func releaseAll() {
    for index in Self.firstChunk..<chunkCount { chunks[index].deallocate() }
    chunkCount = Self.firstChunk
    free = 0
    highWater = Self.reserved
  }

  private mutating func addChunk() {
    if chunkCount == chunkCapacity {
      let larger = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(
        capacity: chunkCapacity * 2)
      (larger + Self.firstChunk).moveInitialize(
        from: chunks + Self.firstChunk, count: chunkCount - Self.firstChunk)
      chunks.deallocate()
      chunks = larger
      chunkCapacity *= 2
    }
    let size = Int(Self.chunkSize)
    let chunk = UnsafeMutableRawPointer.allocate(byteCount: size * stride, alignment: alignment)
    chunk.initializeMemory(as: UInt8.self, repeating: 0, count: size * stride)
    (chunks + chunkCount).initialize(to: chunk)
    chunkCount += 1
  }
}
