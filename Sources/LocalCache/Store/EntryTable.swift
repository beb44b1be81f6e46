import Synchronization

/// Keys and values: a typed view of the policy's memory.
///
/// One slot holds all of an entry, so that a hit touches one or two cache lines and nothing else: the policy's node, its time (`EntryTimes`), key
/// and value, and, where two times are kept, the second of them. A hit writes into the line that it has just read; a write to
/// another line would have to arrive there before the next lock can be taken, which costs more than the look-up.
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

  @usableFromInline let chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>
  @usableFromInline let stride: Int

  @inlinable @inline(__always)
  init(pool: NodePool) {
    chunks = pool.chunks
    stride = pool.stride
  }

  /// The node takes 24 bytes.
  @inlinable @inline(__always)
  static var recordOffset: Int {
    let alignment = MemoryLayout<Record>.alignment
    return (24 &+ alignment &- 1) & ~(alignment &- 1)
  }

  /// Of the deadline in a slot that keeps one.
  @inlinable @inline(__always)
  static func deadlineOffset(_ times: EntryTimes) -> Int {
    times == .both ? (recordOffset &+ MemoryLayout<Record>.size &+ 3) & ~3 : PolicyNode.writtenOffset
  }

  @inlinable @inline(__always)
  static var alignment: Int { max(MemoryLayout<Record>.alignment, 8) }

  /// Bytes of a slot.
  @inlinable @inline(__always)
  static func stride(_ times: EntryTimes) -> Int {
    let end =
      times == .both ? deadlineOffset(times) &+ MemoryLayout<UInt32>.size : recordOffset &+ MemoryLayout<Record>.size
    return (end &+ alignment &- 1) & ~(alignment &- 1)
  }

  @inlinable @inline(__always)
  subscript(_ id: UInt32) -> UnsafeMutablePointer<Record> {
    (NodePool.slot(id, chunks, stride: stride) + Self.recordOffset).assumingMemoryBound(to: Record.self)
  }

  /// Zeros in place of a record that has been moved out: what is left of references would look like some to who reads the memory from outside.
  @inlinable @inline(__always)
  func clear(_ id: UInt32) {
    UnsafeMutableRawPointer(self[id]).initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<Record>.size)
  }
}

/// One slot of the table, for who knows beforehand which times it keeps: its place then needs no size from memory.
@usableFromInline
struct EntrySlot<Key, Value> {
  @usableFromInline let base: UnsafeMutableRawPointer
  @usableFromInline let times: EntryTimes

  @inlinable @inline(__always)
  init(_ id: UInt32, chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>, times: EntryTimes) {
    base = NodePool.slot(id, chunks, stride: EntryTable<Key, Value>.stride(times))
    self.times = times
  }

  @inlinable @inline(__always)
  var record: UnsafeMutablePointer<EntryTable<Key, Value>.Record> {
    (base + EntryTable<Key, Value>.recordOffset).assumingMemoryBound(to: EntryTable<Key, Value>.Record.self)
  }

  /// The word that readers write together: see `PolicyNode.access`.
  @inlinable @inline(__always)
  var access: UnsafeMutablePointer<Atomic<UInt32>> {
    (base + PolicyNode.accessOffset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  /// Only where entries can expire.
  @inlinable @inline(__always)
  var deadline: UnsafeMutablePointer<Atomic<UInt32>> {
    (base + EntryTable<Key, Value>.deadlineOffset(times)).assumingMemoryBound(to: Atomic<UInt32>.self)
  }
}
