import Synchronization

/// Which times a slot keeps.
///
/// Where every entry ends some time after it was written, the time of writing follows from the end and 16 bits beside it: eight bytes less for each entry.
@usableFromInline
enum EntryTimes: Sendable {
  /// When it was written: nothing expires.
  case written
  /// When it ends, in place of the time of writing, and its lifetime in 16 bits.
  case deadline
  /// The same where accesses move the end: the 16 bits say when it was written (`WriteStamp`), or the lifetime where the end is fixed.
  case sliding
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
  /// Of `WriteStamp`.
  @usableFromInline let stampShift: UInt32

  @inlinable @inline(__always)
  init(pool: NodePool, offset: Int, times: EntryTimes, stampShift: UInt32) {
    chunks = pool.chunks
    stride = pool.stride
    self.offset = offset
    self.times = times
    self.stampShift = stampShift
  }

  @inlinable @inline(__always)
  func slot(_ id: UInt32) -> UnsafeMutableRawPointer { NodePool.slot(id, chunks, stride: stride) }

  private func node(_ id: UInt32) -> UnsafeMutablePointer<PolicyNode> {
    NodePool.node(id, chunks)
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

  /// When an entry was written, where a slot keeps that: a new value may come while others read.
  @inlinable @inline(__always)
  func sharedWritten(_ id: UInt32) -> UnsafeMutablePointer<Atomic<UInt32>> {
    (slot(id) + EntryUse.writtenOffset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  /// When an entry was written, in ticks since `base`: less than 0 where that has moved since. Where the end alone is kept, up to a 2,048th of the
  /// lifetime late for entries that were stored with one of their own, and up to a 16,384th of it for others whose end accesses move.
  @usableFromInline
  func written(_ id: UInt32, usualLifetime: UInt32) -> Int64 {
    guard times == .deadline || times == .sliding else {
      return Int64(sharedWritten(id).pointee.load(ordering: .relaxed))
    }
    // Of the two words only this one is written while others read.
    let deadline = sharedDeadline(id).pointee.load(ordering: .relaxed)
    let code = node(id).pointee.links.ofOwner
    if times == .sliding, deadline & ShardExpiry.fixedBit == 0 {
      return WriteStamp(code: code).time(before: deadline, shift: stampShift)
    }
    return Int64(deadline) - Int64(times == .deadline && code == 0 ? usualLifetime : ShortLifetime(code: code).ticks)
  }

  /// Whether an entry has no lifetime of its own, where the end alone is kept.
  func hasUsualLifetime(_ id: UInt32) -> Bool { node(id).pointee.links.ofOwner == 0 }

  /// Notes when an entry ends, and how long its life is in all.
  @inline(__always)
  func setDeadline(_ deadline: UInt32, of id: UInt32, lifetime: UInt32, usualLifetime: UInt32) {
    self[id].pointee = deadline
    switch times {
    case .written, .both: break
    case .deadline: node(id).pointee.links.ofOwner = lifetime == usualLifetime ? 0 : ShortLifetime(ticks: lifetime).code
    case .sliding:
      let isFixed = deadline & ShardExpiry.fixedBit != 0
      node(id).pointee.links.ofOwner =
        isFixed ? ShortLifetime(ticks: lifetime).code : WriteStamp(time: deadline &- lifetime, shift: stampShift).code
    }
  }

  /// Moves the time of writing of an entry, before its end is moved.
  ///
  /// - Parameter shift: whole steps of `WriteStamp`.
  func moveWritten(_ id: UInt32, by shift: UInt32) {
    switch times {
    case .written, .both:
      let use = slot(id).assumingMemoryBound(to: EntryUse.self)
      use.pointee.written -= min(use.pointee.written, shift)
    case .deadline: break
    case .sliding:
      guard self[id].pointee & ShardExpiry.fixedBit == 0 else { return }
      node(id).pointee.links.ofOwner &-= UInt16(truncatingIfNeeded: shift >> stampShift)
    }
  }
}

/// A time of writing in 16 bits: a number of steps of 2^shift ticks, rounded up so that nothing ends early, of which the highest bits are left out.
///
/// Those follow from the end of the entry, which lies no further behind than the lifetime from writing, however often an access has moved it. So no clock that
/// jumps can make the time a wrong one.
struct WriteStamp {
  let code: UInt16
  /// Steps of a lifetime, less than this: half of what 16 bits can tell apart.
  private static let steps: UInt32 = 1 << 15

  init(code: UInt16) { self.code = code }

  @inline(__always)
  init(time: UInt32, shift: UInt32) {
    code = UInt16(truncatingIfNeeded: (UInt64(time) + 1 << UInt64(shift) - 1) >> UInt64(shift))
  }

  /// For lifetimes of so many ticks from writing: the finest steps that there are fewer than 2^15 of.
  static func shift(for lifetime: UInt32) -> UInt32 {
    var shift: UInt32 = 0
    while lifetime >> shift >= steps { shift += 1 }
    return shift
  }

  /// The time, given the end. Rounding may have put it a step behind that.
  func time(before deadline: UInt32, shift: UInt32) -> Int64 {
    let passed = UInt16(truncatingIfNeeded: deadline >> shift) &- code
    let steps = passed > 0xC000 ? Int64(passed) - 0x1_0000 : Int64(passed)
    return (Int64(deadline >> shift) - steps) << Int64(shift)
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
