/// Keys and values, in chunks of 64 that never move, addressed by the policy's identifiers.
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

  /// When an entry ends, in ticks of the cache's time (`CacheTime`), and its neighbours in a list of the timer wheel; 0 where there is none.
  @usableFromInline
  struct Lifetime {
    @usableFromInline var deadline: UInt32
    var previous: UInt32
    var next: UInt32
  }

  @usableFromInline
  struct Chunk {
    @usableFromInline var records: UnsafeMutablePointer<Record>
    /// When an entry was written.
    @usableFromInline var written: UnsafeMutablePointer<UInt32>
    /// Only where entries can expire.
    @usableFromInline var lifetimes: UnsafeMutablePointer<Lifetime>?
  }

  /// The first chunks belong to identifiers that have no entry.
  @usableFromInline var chunks: UnsafeMutablePointer<Chunk>
  private var chunkCount: Int
  private var chunkCapacity: Int
  /// Whether entries can expire.
  private let hasLifetimes: Bool

  private static var firstChunk: Int { Int(NodePool.reserved / NodePool.chunkSize) }

  init(hasLifetimes: Bool) {
    self.hasLifetimes = hasLifetimes
    chunkCapacity = 4
    chunks = .allocate(capacity: 4)
    chunkCount = Self.firstChunk
  }

  /// Frees the memory; the entries have to be gone.
  func deallocate() {
    for index in Self.firstChunk..<chunkCount { Self.free(chunks[index]) }
    chunks.deallocate()
  }

  private static func free(_ chunk: Chunk) {
    chunk.records.deallocate()
    chunk.written.deallocate()
    chunk.lifetimes?.deallocate()
  }

  @inlinable @inline(__always)
  subscript(_ id: UInt32) -> UnsafeMutablePointer<Record> {
    chunks[Int(id &>> NodePool.chunkShift)].records + Int(id & (NodePool.chunkSize &- 1))
  }

  @inlinable @inline(__always)
  func written(_ id: UInt32) -> UnsafeMutablePointer<UInt32> {
    chunks[Int(id &>> NodePool.chunkShift)].written + Int(id & (NodePool.chunkSize &- 1))
  }

  /// Nil where entries cannot expire.
  @inlinable @inline(__always)
  func lifetime(_ id: UInt32) -> UnsafeMutablePointer<Lifetime>? {
    guard let column = chunks[Int(id &>> NodePool.chunkShift)].lifetimes else { return nil }
    return column + Int(id & (NodePool.chunkSize &- 1))
  }

  /// Makes sure that there is memory for an identifier.
  @usableFromInline
  mutating func reserve(_ id: UInt32) {
    guard Int(id >> NodePool.chunkShift) >= chunkCount else { return }
    if chunkCount == chunkCapacity {
      let larger = UnsafeMutablePointer<Chunk>.allocate(capacity: chunkCapacity * 2)
      (larger + Self.firstChunk).moveInitialize(from: chunks + Self.firstChunk, count: chunkCount - Self.firstChunk)
      chunks.deallocate()
      chunks = larger
      chunkCapacity *= 2
    }
    let size = Int(NodePool.chunkSize)
    var chunk = Chunk(records: .allocate(capacity: size), written: .allocate(capacity: size), lifetimes: nil)
    if hasLifetimes {
      let column = UnsafeMutablePointer<Lifetime>.allocate(capacity: size)
      column.initialize(repeating: Lifetime(deadline: CacheTime.never, previous: 0, next: 0), count: size)
      chunk.lifetimes = column
    }
    (chunks + chunkCount).initialize(to: chunk)
    chunkCount += 1
  }

  /// Gives the memory of all entries back; they have to be gone.
  mutating func releaseAll() {
    for index in Self.firstChunk..<chunkCount { Self.free(chunks[index]) }
    chunkCount = Self.firstChunk
  }
}
