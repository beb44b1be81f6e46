import Synchronization

/// Keys and values: a typed view of the policy's memory.
///
/// One slot holds all of an entry, so that a hit touches one or two cache lines and nothing else: the policy's node, the time of writing, key
/// and value, and, where entries can expire, the deadline (`EntryLifetimes`). A hit writes into the line that it has just read; a write to
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

  @inlinable @inline(__always)
  static var lifetimeOffset: Int { (recordOffset &+ MemoryLayout<Record>.size &+ 3) & ~3 }

  @inlinable @inline(__always)
  static var alignment: Int { max(MemoryLayout<Record>.alignment, 8) }

  /// Bytes of a slot.
  @inlinable @inline(__always)
  static func stride(hasLifetimes: Bool) -> Int {
    let end = lifetimeOffset &+ (hasLifetimes ? MemoryLayout<UInt32>.size : 0)
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

/// One slot of the table, for who knows beforehand whether entries have lifetimes: its place then needs no size from memory.
@usableFromInline
struct EntrySlot<Key, Value> {
  @usableFromInline let base: UnsafeMutableRawPointer

  @inlinable @inline(__always)
  init(_ id: UInt32, chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>, hasLifetime: Bool) {
    base = NodePool.slot(id, chunks, stride: EntryTable<Key, Value>.stride(hasLifetimes: hasLifetime))
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

  /// Only where entries have lifetimes.
  @inlinable @inline(__always)
  var deadline: UnsafeMutablePointer<Atomic<UInt32>> {
    (base + EntryTable<Key, Value>.lifetimeOffset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }
}
