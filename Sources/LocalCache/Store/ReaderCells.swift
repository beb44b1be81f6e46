import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where a thread says that it reads: a cache line that no other thread writes, as long as no two threads share a cell.
///
/// A lock that all readers write costs a transfer of its cache line for each look-up as soon as there are two of them. With a cell of its own
/// a reader writes nothing that others read (Dice and Kogan, "BRAVO: Biased Locking for Reader-Writer Locks", USENIX ATC 2019).
@usableFromInline
struct ReaderCell: ~Copyable {
  /// Tag of the shard that is read under this cell, or 0.
  @usableFromInline let owner = Atomic<UInt>(0)
  /// The thread that runs a `withValue` closure under this cell, or 0.
  @usableFromInline let borrower = Atomic<UInt>(0)
  /// Written by the owner only; read by anybody.
  @usableFromInline let hits = Atomic<UInt64>(0)
  @usableFromInline let misses = Atomic<UInt64>(0)
  /// The owner's alone; fills the cell's cache lines.
  @usableFromInline var notes = NoteBuffer()

  @usableFromInline init() {}

  @inlinable @inline(__always)
  func countHit() { hits.store(hits.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }

  @inlinable @inline(__always)
  func countMiss() { misses.store(misses.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }

  /// The end of reading.
  @inlinable @inline(__always)
  func leave() { owner.store(0, ordering: .releasing) }
}

/// The cells of a cache, 128 bytes apart.
@usableFromInline
struct ReaderCells {
  @usableFromInline static let stride = 128
  @usableFromInline let base: UnsafeMutableRawPointer
  @usableFromInline let mask: Int

  var count: Int { mask + 1 }

  /// Four cells a processor: two threads seldom have the same.
  init() {
    var count = 8
    while count < 4 * processorCount, count < 256 { count *= 2 }
    mask = count - 1
    base = .allocate(byteCount: count * Self.stride, alignment: Self.stride)
    for index in 0..<count {
      (base + index * Self.stride).bindMemory(to: ReaderCell.self, capacity: 1).initialize(to: ReaderCell())
    }
  }

  /// The owner ends the life of the memory; the value itself is a handle.
  func deallocate() {
    for index in 0..<count { self[index].deinitialize(count: 1) }
    base.deallocate()
  }

  @inlinable @inline(__always)
  subscript(_ index: Int) -> UnsafeMutablePointer<ReaderCell> {
    (base + index &* Self.stride).assumingMemoryBound(to: ReaderCell.self)
  }

  /// The cell that this thread takes first. Descriptors of threads lie whole pages apart.
  @inlinable @inline(__always)
  var own: Int {
    Int(truncatingIfNeeded: ((ThisThread.number &>> 8) &* 0x9E37_79B9_7F4A_7C15) &>> 48) & mask
  }

  /// Hits and misses that readers counted.
  var counts: (hits: UInt64, misses: UInt64) {
    var sum: (hits: UInt64, misses: UInt64) = (0, 0)
    for index in 0..<count {
      sum.hits &+= self[index].pointee.hits.load(ordering: .relaxed)
      sum.misses &+= self[index].pointee.misses.load(ordering: .relaxed)
    }
    return sum
  }
}

@usableFromInline
enum ThisThread {
  /// A number that no other living thread has.
  @inlinable @inline(__always)
  static var number: UInt {
    let thread = pthread_self()
    return withUnsafeBytes(of: thread) { $0.loadUnaligned(as: UInt.self) }
  }
}
