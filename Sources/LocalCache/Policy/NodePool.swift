/// The policy's view of one entry: 20 bytes, linked into the list of its segment.
///
/// Keys and values are elsewhere: the policy works on hashes and weights alone, so that a simulator can drive it without a store.
@usableFromInline
package struct PolicyNode {
  /// Upper half of the key's seeded hash: rebuilds the index without hashing again, and feeds the frequency sketch.
  @usableFromInline var hash: UInt32
  @usableFromInline var previous: UInt32
  @usableFromInline var next: UInt32
  /// 28 bits of weight, 4 bits of flags (the segment).
  @usableFromInline var weightAndSegment: UInt32
  /// 24 bits: the epoch of the last access. 8 bits: hits since the policy last looked.
  @usableFromInline var access: UInt32

  @usableFromInline static let maximumWeight: UInt64 = (1 << 28) - 1

  var weight: UInt64 { UInt64(weightAndSegment >> 4) }

  var segment: Segment {
    get { Segment(rawValue: UInt8(truncatingIfNeeded: weightAndSegment & 15)) ?? .none }
    set { weightAndSegment = weightAndSegment & ~15 | UInt32(newValue.rawValue) }
  }

  mutating func setWeight(_ weight: UInt64) {
    weightAndSegment = UInt32(min(weight, Self.maximumWeight)) << 4 | weightAndSegment & 15
  }

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
/// The first `reserved` identifiers are list heads of the policy and have no entry.
@usableFromInline
struct NodePool {
  @usableFromInline static let chunkShift: UInt32 = 6
  @usableFromInline static let chunkSize: UInt32 = 64
  @usableFromInline static let reserved: UInt32 = 128

  @usableFromInline var chunks: UnsafeMutablePointer<UnsafeMutablePointer<PolicyNode>>
  @usableFromInline var chunkCount: Int
  private var chunkCapacity: Int
  private var free: UInt32
  /// Identifiers below this have been handed out at least once.
  @usableFromInline var highWater: UInt32

  init() {
    chunkCapacity = 4
    chunks = .allocate(capacity: 4)
    chunkCount = 0
    free = 0
    highWater = Self.reserved
    addChunk()
    addChunk()
  }

  /// The owner ends the life of the memory; the value itself is a handle.
  func deallocate() {
    for index in 0..<chunkCount { chunks[index].deallocate() }
    chunks.deallocate()
  }

  @inlinable @inline(__always)
  subscript(_ id: UInt32) -> UnsafeMutablePointer<PolicyNode> {
    chunks[Int(id >> Self.chunkShift)] + Int(id & (Self.chunkSize &- 1))
  }

  mutating func allocate() -> UInt32 {
    if free != 0 {
      let id = free
      free = self[id].pointee.next
      return id
    }
    let id = highWater
    if Int(id >> Self.chunkShift) == chunkCount { addChunk() }
    highWater += 1
    return id
  }

  mutating func release(_ id: UInt32) {
    self[id].pointee.weightAndSegment = 0
    self[id].pointee.next = free
    free = id
  }

  /// Gives all chunks but the list heads' back; only when no entry is left.
  mutating func releaseAll() {
    for index in 2..<max(chunkCount, 2) { chunks[index].deallocate() }
    chunkCount = 2
    free = 0
    highWater = Self.reserved
  }

  private mutating func addChunk() {
    if chunkCount == chunkCapacity {
      let larger = UnsafeMutablePointer<UnsafeMutablePointer<PolicyNode>>.allocate(capacity: chunkCapacity * 2)
      larger.moveInitialize(from: chunks, count: chunkCount)
      chunks.deallocate()
      chunks = larger
      chunkCapacity *= 2
    }
    let chunk = UnsafeMutablePointer<PolicyNode>.allocate(capacity: Int(Self.chunkSize))
    chunk.initialize(
      repeating: PolicyNode(hash: 0, previous: 0, next: 0, weightAndSegment: 0, access: 0), count: Int(Self.chunkSize))
    chunks[chunkCount] = chunk
    chunkCount += 1
  }
}
