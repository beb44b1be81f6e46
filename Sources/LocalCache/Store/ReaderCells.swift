import CLocalCache
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where a thread says that it reads: a cache line that no other thread writes.
///
/// A lock that all readers write costs a transfer of its cache line for each look-up as soon as there are two of them. With a cell of its own
/// a reader writes nothing that others read (Dice and Kogan, "BRAVO: Biased Locking for Reader-Writer Locks", USENIX ATC 2019). Since nobody
/// else ever writes the cell, plain stores are enough where the barrier between "I read" and "may I?" is made by who closes the shard, for all
/// threads at once (`ShardLock.OpenState`).
@usableFromInline
struct ReaderCell: ~Copyable {
  /// Tag of the shard that is read under this cell, or 0.
  @usableFromInline let owner = Atomic<UInt>(0)
  /// The thread that runs a `withValue` closure under this cell, or 0.
  @usableFromInline let borrower = Atomic<UInt>(0)
  /// Written by the cell's thread only; read by anybody.
  @usableFromInline let hits = Atomic<UInt64>(0)
  @usableFromInline let misses = Atomic<UInt64>(0)
  /// Reads with a barrier, and the closings of shards as of the 4,096th of them before.
  private let fencedReads = Atomic<UInt32>(0)
  private let seenClosings = Atomic<UInt32>(0)
  /// Which hits are worth a second look whatever their key: see `isProbed`. The same in all cells.
  @usableFromInline let probeMask = Atomic<UInt32>(.max)
  /// The owner's alone; fills the cell's cache lines.
  @usableFromInline var notes = NoteBuffer()

  @usableFromInline init() {}

  @inlinable @inline(__always) var hitCount: UInt64 { hits.load(ordering: .relaxed) }
  @inlinable @inline(__always) var missCount: UInt64 { misses.load(ordering: .relaxed) }

  @inlinable @inline(__always)
  func countHit() { hits.store(hits.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }

  @inlinable @inline(__always)
  func countMiss() { misses.store(misses.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }

  /// Whether it is the turn of a probe at the hit that comes after so many.
  @inlinable @inline(__always)
  func isProbed(_ hits: UInt64) -> Bool {
    UInt32(truncatingIfNeeded: hits) & probeMask.load(ordering: .relaxed) == 0
  }

  /// Counts a read with a barrier. Whether the shard may do without from now on: no shard was closed during the last 4,096 such reads of this
  /// thread, so what the barriers of all threads cost, should there be one, has been saved.
  func isToOpenWide(closings: UInt32) -> Bool {
    let reads = fencedReads.load(ordering: .relaxed) &+ 1
    if closings != seenClosings.load(ordering: .relaxed) {
      seenClosings.store(closings, ordering: .relaxed)
      fencedReads.store(0, ordering: .relaxed)
      return false
    }
    fencedReads.store(reads, ordering: .relaxed)
    return reads >= 4096
  }

  /// Whether this cell's thread is not reading. To be asked by that thread.
  @inlinable @inline(__always)
  var isFree: Bool { owner.load(ordering: .relaxed) == 0 }

  /// The end of reading. What was read has to be retained by then: see `ShardLock.endOfSection`.
  @inlinable @inline(__always)
  func leave() {
    ShardLock.endOfSection()
    owner.store(0, ordering: .releasing)
  }
}

/// The cells of a cache, 128 bytes apart: one for each thread that has one of the first numbers, which begin with 1. Threads beyond those read
/// exclusively. The first cell is nobody's and always marked: threads without a cell of their own find that one, and that it is not free.
@usableFromInline
struct ReaderCells {
  @usableFromInline static let stride = Int(LOCALCACHE_CELL_STRIDE)
  @usableFromInline let base: UnsafeMutableRawPointer
  /// Of all cells, nobody's among them.
  @usableFromInline let count: UInt32
  /// Bytes of all cells.
  @usableFromInline let end: UInt64

  /// A small cache has two cells a processor, for the threads of the concurrency pool and as many event loops, and some beside, because it must not take more
  /// than its entries do.
  init(_ size: SizeClass) {
    let beside =
      switch size {
      case .tiny: 2
      case .small: 8
      case .large: Int(UInt16.max)
      }
    count = min(localcache_cells(), UInt32(2 * processorCount + beside)) + 1
    end = UInt64(count) * UInt64(Self.stride)
    base = .allocate(byteCount: Int(count) * Self.stride, alignment: Self.stride)
    for index in 0..<count {
      (base + Int(index) * Self.stride).bindMemory(to: ReaderCell.self, capacity: 1).initialize(to: ReaderCell())
    }
    self[0].pointee.owner.store(.max, ordering: .relaxed)
    common.initialize(to: Common())
  }

  /// The owner ends the life of the memory; the value itself is a handle.
  func deallocate() {
    for index in 0..<count { self[index].deinitialize(count: 1) }
    base.deallocate()
  }

  @inlinable @inline(__always)
  subscript(_ index: UInt32) -> UnsafeMutablePointer<ReaderCell> {
    (base + Int(index) &* Self.stride).assumingMemoryBound(to: ReaderCell.self)
  }

  /// The cell of this thread, or nil if there are more threads than cells.
  @inlinable @inline(__always)
  var own: UnsafeMutablePointer<ReaderCell>? {
    _ = localcache_thread_slot()
    let cell = ownOrNobodys
    return cell == self[0] ? nil : cell
  }

  /// The same, or nobody's.
  @inlinable @inline(__always)
  var ownOrNobodys: UnsafeMutablePointer<ReaderCell> {
    let offset = localcache_cell_offset()
    return (base + Int(truncatingIfNeeded: offset < end ? offset : 0)).assumingMemoryBound(to: ReaderCell.self)
  }

  /// What all cells have in common, where nobody's cell would have notes.
  @usableFromInline
  struct Common: ~Copyable {
    /// How often a shard was closed.
    let closings = Atomic<UInt32>(0)
    /// Hashes below are sampled by the observer.
    @usableFromInline let observed = Atomic<UInt32>(0)
  }

  @inlinable @inline(__always)
  var common: UnsafeMutablePointer<Common> {
    (base + Self.stride / 2).assumingMemoryBound(to: Common.self)
  }

  var closings: UInt32 { common.pointee.closings.load(ordering: .relaxed) }
  func countClosing() { common.pointee.closings.add(1, ordering: .relaxed) }

  @inlinable @inline(__always)
  var observedBelow: UInt32 { common.pointee.observed.load(ordering: .relaxed) }

  /// Hits of which keys, and which other hits, are to be looked at twice. The shards have to be told: see `Shard.sampledBelow`.
  func setSampling(observedBelow threshold: UInt32, probeMask: UInt32) {
    common.pointee.observed.store(threshold, ordering: .relaxed)
    for index in 0..<count { self[index].pointee.probeMask.store(probeMask, ordering: .relaxed) }
  }

  /// Cells that may be in use.
  var inUse: Range<UInt32> { 1..<min(localcache_thread_slots() + 1, count) }

  /// Hits and misses that readers counted.
  var counts: (hits: UInt64, misses: UInt64) {
    var sum: (hits: UInt64, misses: UInt64) = (0, 0)
    for index in inUse {
      sum.hits &+= self[index].pointee.hits.load(ordering: .relaxed)
      sum.misses &+= self[index].pointee.misses.load(ordering: .relaxed)
    }
    return sum
  }
}

@usableFromInline
enum ThisThread {
  /// A number that no other living thread has; never 0. Threads that came too late for a small one have that of the system.
  @usableFromInline
  static var number: UInt {
    let slot = localcache_thread_slot()
    if slot != .max { return UInt(slot) }
    return withUnsafeBytes(of: pthread_self()) { $0.loadUnaligned(as: UInt.self) }
  }
}
