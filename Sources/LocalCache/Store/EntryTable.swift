import Synchronization

/// Keys and values: a typed view of the policy's memory.
///
/// One slot holds all of an entry, so that a hit touches one or two cache lines and nothing else: the policy's node, the time of writing, key
/// and value, and, where entries can expire, deadline and timer. A hit writes into the line that it has just read; a write to another line
/// would have to arrive there before the next lock can be taken, which costs more than the look-up.
@usableFromInline
struct EntryTable<Key, Value> {
  @usableFromInline
  struct Record {
    @usableFromInline var key: Key
    @usableFromInline var value: Value

    @inlinable
    init(key: Key, value: Value) {
      self.key = key
      self.value = value
    }
  }

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
  @usableFromInline let hasLifetimes: Bool

  @inlinable @inline(__always)
  init(chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>, stride: Int, hasLifetimes: Bool) {
    self.chunks = chunks
    self.stride = stride
    self.hasLifetimes = hasLifetimes
  }

  /// The node takes 24 bytes.
  @inlinable @inline(__always)
  static var recordOffset: Int {
    let alignment = MemoryLayout<Record>.alignment
    return (24 &+ alignment &- 1) & ~(alignment &- 1)
  }

  @inlinable @inline(__always)
  static var lifetimeOffset: Int { (recordOffset &+ MemoryLayout<Record>.size &+ 3) & ~3 }

  static var alignment: Int { max(MemoryLayout<Record>.alignment, 8) }

  /// Bytes of a slot.
  static func stride(hasLifetimes: Bool) -> Int {
    let end = lifetimeOffset + (hasLifetimes ? MemoryLayout<Lifetime>.size : 0)
    return (end + alignment - 1) & ~(alignment - 1)
  }

  @inlinable @inline(__always)
  func slot(_ id: UInt32) -> UnsafeMutableRawPointer {
    chunks[Int(id &>> NodePool.chunkShift)] + Int(id & (NodePool.chunkSize &- 1)) &* stride
  }

  @inlinable @inline(__always)
  subscript(_ id: UInt32) -> UnsafeMutablePointer<Record> {
    (slot(id) + Self.recordOffset).assumingMemoryBound(to: Record.self)
  }

  /// When an entry was written.
  @inlinable @inline(__always)
  func written(_ id: UInt32) -> UnsafeMutablePointer<UInt32> {
    (slot(id) + PolicyNode.writtenOffset).assumingMemoryBound(to: UInt32.self)
  }

  /// Nil where entries cannot expire.
  @inlinable @inline(__always)
  func lifetime(_ id: UInt32) -> UnsafeMutablePointer<Lifetime>? {
    hasLifetimes ? (slot(id) + Self.lifetimeOffset).assumingMemoryBound(to: Lifetime.self) : nil
  }

  /// A new entry that is in no list of the timer wheel.
  @inlinable @inline(__always)
  func initialize(_ id: UInt32, to record: consuming Record) {
    self[id].initialize(to: record)
    if let lifetime = lifetime(id) { lifetime.initialize(to: Lifetime()) }
  }

  /// The deadline as threads that read together prolong it.
  @inlinable @inline(__always)
  func sharedDeadline(_ id: UInt32) -> UnsafeMutablePointer<Atomic<UInt32>>? {
    hasLifetimes
      ? (slot(id) + Self.lifetimeOffset).assumingMemoryBound(to: Atomic<UInt32>.self) : nil
  }

  /// Neighbours of an entry in a list of the timer wheel, 24 bits each; 0 where there is none. They share the space that is left in the
  /// node and in the lifetime.
  struct TimerLinks {
    var previous: UInt32
    var next: UInt32
  }

  func timerLinks(_ id: UInt32) -> TimerLinks {
    let low = lifetime(id)?.pointee.links ?? 0
    let both = UInt64(node(id).pointee.links.spare) << 32 | UInt64(low)
    return TimerLinks(
      previous: UInt32(both & 0xFF_FFFF), next: UInt32(truncatingIfNeeded: both >> 24 & 0xFF_FFFF))
  }

  func setTimerLinks(_ id: UInt32, _ links: TimerLinks) {
    let both = UInt64(links.previous & 0xFF_FFFF) | UInt64(links.next & 0xFF_FFFF) << 24
    lifetime(id)?.pointee.links = UInt32(truncatingIfNeeded: both)
    node(id).pointee.links.spare = UInt16(truncatingIfNeeded: both >> 32)
  }

  private func node(_ id: UInt32) -> UnsafeMutablePointer<PolicyNode> {
    slot(id).assumingMemoryBound(to: PolicyNode.self)
  }
}
