import Synchronization

/// When entries end: a view of the policy's memory that knows where in a slot the times lie, and no type of key or value.
///
/// Only for shards whose entries can expire.
@usableFromInline
struct EntryLifetimes {
  @usableFromInline let chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>
  @usableFromInline let stride: Int
  /// Of the deadline in a slot.
  @usableFromInline let offset: Int

  @inlinable @inline(__always)
  init(pool: NodePool, offset: Int) {
    chunks = pool.chunks
    stride = pool.stride
    self.offset = offset
  }

  @inlinable @inline(__always)
  func slot(_ id: UInt32) -> UnsafeMutableRawPointer { NodePool.slot(id, chunks, stride: stride) }

  /// The deadline of an entry: ticks since the `base` of `ShardExpiry`, or `CacheTime.never`.
  @inlinable @inline(__always)
  subscript(_ id: UInt32) -> UnsafeMutablePointer<UInt32> {
    (slot(id) + offset).assumingMemoryBound(to: UInt32.self)
  }

  /// The same as threads that read together prolong it.
  @inlinable @inline(__always)
  func sharedDeadline(_ id: UInt32) -> UnsafeMutablePointer<Atomic<UInt32>> {
    (slot(id) + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  /// When an entry was written.
  @inlinable @inline(__always)
  func written(_ id: UInt32) -> UnsafeMutablePointer<UInt32> {
    (slot(id) + PolicyNode.writtenOffset).assumingMemoryBound(to: UInt32.self)
  }
}
