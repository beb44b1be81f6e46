import Synchronization

/// Keys and values: a typed view of the policy's memory.
///
/// One slot holds all that a hit needs of an entry, so that it touches one or two cache lines and nothing else: its use and its time (`EntryUse`,
/// `EntryTimes`), key and value, and, where two times are kept, the second of them. A hit writes into the line that it has just read; a write to
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

  /// Behind the use.
  @inlinable @inline(__always)
  static var recordOffset: Int {
    let alignment = MemoryLayout<Record>.alignment
    return (8 &+ alignment &- 1) & ~(alignment &- 1)
  }

  /// Of the deadline in a slot that keeps one.
  @inlinable @inline(__always)
  static func deadlineOffset(_ times: EntryTimes) -> Int {
    times == .both ? (recordOffset &+ MemoryLayout<Record>.size &+ 3) & ~3 : EntryUse.writtenOffset
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

  /// Where the value of an entry is, for threads that read together: see `WholeValue`.
  @inlinable @inline(__always)
  func value(_ id: UInt32) -> UnsafeMutablePointer<Value> { Self.value(of: self[id]) }

  @inlinable @inline(__always)
  static func value(of record: UnsafeMutablePointer<Record>) -> UnsafeMutablePointer<Value> {
    (UnsafeMutableRawPointer(record) + valueOffset).assumingMemoryBound(to: Value.self)
  }

  /// Of the value in a record: what `MemoryLayout.offset(of:)` says, and the compiler can work out.
  @inlinable @inline(__always)
  static var valueOffset: Int {
    let alignment = MemoryLayout<Value>.alignment
    return (MemoryLayout<Key>.size &+ alignment &- 1) & ~(alignment &- 1)
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

  @inlinable @inline(__always)
  var value: UnsafeMutablePointer<Value> { EntryTable<Key, Value>.value(of: record) }

  /// The word that readers write together: see `EntryUse.access`.
  @inlinable @inline(__always)
  var access: UnsafeMutablePointer<Atomic<UInt32>> {
    (base + EntryUse.accessOffset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  /// Only where entries can expire.
  @inlinable @inline(__always)
  var deadline: UnsafeMutablePointer<Atomic<UInt32>> {
    (base + EntryTable<Key, Value>.deadlineOffset(times)).assumingMemoryBound(to: Atomic<UInt32>.self)
  }
}
