import Synchronization

/// When entries end: a view of the policy's memory that knows where in a slot the times lie, and no type of key or value.
///
/// Only for shards whose entries can expire.
@usableFromInline
struct EntryLifetimes {
  /// When an entry ends, in ticks of the cache's time (`CacheTime`), and the greater part of its neighbours in a list of the timer wheel.
  @usableFromInline
  struct Lifetime {
    @usableFromInline var deadline: UInt32 = 0
    @usableFromInline var links: UInt32 = 0

    @inlinable
    init() {}
  }

  @usableFromInline let chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>
  @usableFromInline let stride: Int
  /// Of the lifetime in a slot.
  @usableFromInline let offset: Int

  @inlinable @inline(__always)
  init(pool: NodePool, offset: Int) {
    chunks = pool.chunks
    stride = pool.stride
    self.offset = offset
  }

  @inlinable @inline(__always)
  func slot(_ id: UInt32) -> UnsafeMutableRawPointer { NodePool.slot(id, chunks, stride: stride) }

  @inlinable @inline(__always)
  subscript(_ id: UInt32) -> UnsafeMutablePointer<Lifetime> {
    (slot(id) + offset).assumingMemoryBound(to: Lifetime.self)
  }

  /// The deadline as threads that read together prolong it.
  @inlinable @inline(__always)
  func sharedDeadline(_ id: UInt32) -> UnsafeMutablePointer<Atomic<UInt32>> {
    (slot(id) + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  /// When an entry was written.
  @inlinable @inline(__always)
  func written(_ id: UInt32) -> UnsafeMutablePointer<UInt32> {
    (slot(id) + PolicyNode.writtenOffset).assumingMemoryBound(to: UInt32.self)
  }

  /// A new entry that is in no list of the timer wheel.
  @inlinable @inline(__always)
  func initialize(_ id: UInt32) {
    self[id].initialize(to: Lifetime())
  }

  /// Neighbours of an entry in a list of the timer wheel, 24 bits each; 0 where there is none. They share the space that is left in the
  /// node and in the lifetime.
  struct TimerLinks {
    var previous: UInt32
    var next: UInt32
  }

  @inline(__always)
  func timerLinks(_ id: UInt32) -> TimerLinks {
    let (node, lifetime) = parts(id)
    let both = UInt64(node.pointee.links.spare) &<< 32 | UInt64(lifetime.pointee.links)
    return TimerLinks(
      previous: UInt32(truncatingIfNeeded: both & 0xFF_FFFF), next: UInt32(truncatingIfNeeded: both &>> 24 & 0xFF_FFFF))
  }

  @inline(__always)
  func setTimerLinks(_ id: UInt32, _ links: TimerLinks) {
    let both = UInt64(links.previous & 0xFF_FFFF) | UInt64(links.next & 0xFF_FFFF) &<< 24
    let (node, lifetime) = parts(id)
    lifetime.pointee.links = UInt32(truncatingIfNeeded: both)
    node.pointee.links.spare = UInt16(truncatingIfNeeded: both &>> 32)
  }

  @inline(__always)
  private func parts(_ id: UInt32) -> (UnsafeMutablePointer<PolicyNode>, UnsafeMutablePointer<Lifetime>) {
    let slot = slot(id)
    return (slot.assumingMemoryBound(to: PolicyNode.self), (slot + offset).assumingMemoryBound(to: Lifetime.self))
  }
}
