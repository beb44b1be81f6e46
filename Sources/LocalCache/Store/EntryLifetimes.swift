import Synchronization

/// Which times a slot keeps.
///
/// Where every entry ends some time after it was written, and accesses do not move that, the time of writing follows from the end: eight bytes less
/// for each entry.
@usableFromInline
enum EntryTimes: Sendable {
  /// When it was written: nothing expires.
  case written
  /// When it ends, in place of the time of writing, and its lifetime in 16 bits.
  case deadline
  /// When it was written, and when it ends.
  case both
}

/// When entries were written and when they end: a view of the policy's memory that knows where in a slot the times lie, and no type of key or value.
///
/// Deadlines are only for shards whose entries can expire.
@usableFromInline
struct EntryLifetimes {
  @usableFromInline let chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>
  @usableFromInline let stride: Int
  /// Of the deadline in a slot.
  @usableFromInline let offset: Int
  @usableFromInline let times: EntryTimes

  @inlinable @inline(__always)
  init(pool: NodePool, offset: Int, times: EntryTimes) {
    chunks = pool.chunks
    stride = pool.stride
    self.offset = offset
    self.times = times
  }

  @inlinable @inline(__always)
  func slot(_ id: UInt32) -> UnsafeMutableRawPointer { NodePool.slot(id, chunks, stride: stride) }

  private func node(_ id: UInt32) -> UnsafeMutablePointer<PolicyNode> {
    slot(id).assumingMemoryBound(to: PolicyNode.self)
  }

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

  /// When an entry was written, in ticks since `base`: less than 0 where that has moved since. Where the end alone is kept, up to a 2,048th of the
  /// lifetime late for entries that were stored with one of their own.
  @usableFromInline
  func written(_ id: UInt32, usualLifetime: UInt32) -> Int64 {
    let time = Int64(node(id).pointee.written)
    guard times == .deadline else { return time }
    let code = node(id).pointee.links.ofOwner
    return time - Int64(code == 0 ? usualLifetime : ShortLifetime(code: code).ticks)
  }

  /// Notes when an entry ends, and how long its life is in all.
  @inline(__always)
  func setDeadline(_ deadline: UInt32, of id: UInt32, lifetime: UInt32, usualLifetime: UInt32) {
    self[id].pointee = deadline
    guard times == .deadline else { return }
    node(id).pointee.links.ofOwner = lifetime == usualLifetime ? 0 : ShortLifetime(ticks: lifetime).code
  }

  /// Moves the time of writing of an entry whose end is kept beside it.
  func moveWritten(_ id: UInt32, by shift: UInt32) {
    if times != .deadline { node(id).pointee.written -= min(node(id).pointee.written, shift) }
  }
}

/// A lifetime in 16 bits: the twelve highest bits of its number of ticks, the first of them left out, and how far they are shifted.
struct ShortLifetime {
  let code: UInt16
  private static let fraction: UInt32 = 11

  init(code: UInt16) { self.code = code }

  @inline(__always)
  init(ticks: UInt32) {
    let shift = UInt32(max(0, 31 - Int(Self.fraction) - ticks.leadingZeroBitCount))
    // The sum, since the highest bit of what is left of the number counts as one more shift.
    code = UInt16(truncatingIfNeeded: shift &<< Self.fraction &+ ticks &>> shift)
  }

  var ticks: UInt32 {
    let shift = UInt32(code) >> Self.fraction
    let fraction = UInt32(code) & (1 << Self.fraction - 1)
    return shift == 0 ? fraction : (fraction | 1 << Self.fraction) << (shift - 1)
  }
}
