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
  /// Which hits are worth a second look: see `isSampled`. The same in all cells.
  @usableFromInline let sampledBelow = Atomic<UInt32>(0)
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

  /// Whether somebody may want to know of the next hit: its key is sampled, or it is the turn of a probe.
  @inlinable @inline(__always)
  func isSampled(_ hash: UInt32) -> Bool {
    hash < sampledBelow.load(ordering: .relaxed)
      || UInt32(truncatingIfNeeded: hitCount) & probeMask.load(ordering: .relaxed) == 0
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

  /// The end of reading.
  @inlinable @inline(__always)
  func leave() { owner.store(0, ordering: .releasing) }
}

/// The cells of a cache, 128 bytes apart: one for each thread that has one of the first numbers. Threads beyond those read exclusively.
@usableFromInline
struct ReaderCells {
  @usableFromInline static let stride = 128
  @usableFromInline let base: UnsafeMutableRawPointer
  @usableFromInline let count: UInt32

  /// Eight cells a processor: the threads of the concurrency pool, of event loops, and some beside. A small cache has two and some beside, because
  /// it must not take more than its entries do.
  init(isSmall: Bool) {
    count = UInt32(isSmall ? min(2 * processorCount + 8, 128) : min(max(32, 8 * processorCount), 512))
    // Behind the cells what they have in common.
    base = .allocate(byteCount: (Int(count) + 1) * Self.stride, alignment: Self.stride)
    (base + Int(count) * Self.stride).bindMemory(to: Common.self, capacity: 1).initialize(to: Common())
    for index in 0..<count {
      (base + Int(index) * Self.stride).bindMemory(to: ReaderCell.self, capacity: 1).initialize(to: ReaderCell())
    }
  }

  /// The owner ends the life of the memory; the value itself is a handle.
  func deallocate() {
    for index in 0..<count { self[index].deinitialize(count: 1) }
    common.deinitialize(count: 1)
    base.deallocate()
  }

  @inlinable @inline(__always)
  subscript(_ index: UInt32) -> UnsafeMutablePointer<ReaderCell> {
    (base + Int(index) &* Self.stride).assumingMemoryBound(to: ReaderCell.self)
  }

  /// The cell of this thread, or nil if there are more threads than cells.
  @inlinable @inline(__always)
  var own: UnsafeMutablePointer<ReaderCell>? {
    let slot = localcache_thread_slot()
    return slot <= count ? self[slot &- 1] : nil
  }

  @usableFromInline
  struct Common: ~Copyable {
    /// How often a shard was closed.
    let closings = Atomic<UInt32>(0)
    /// Hashes below are sampled by the observer, and by the policy of the shard that samples most.
    let observed = Atomic<UInt32>(0)
    @usableFromInline let modelled = Atomic<UInt32>(0)
  }

  @inlinable @inline(__always)
  var common: UnsafeMutablePointer<Common> {
    (base + Int(count) &* Self.stride).assumingMemoryBound(to: Common.self)
  }

  var closings: UInt32 { common.pointee.closings.load(ordering: .relaxed) }
  func countClosing() { common.pointee.closings.add(1, ordering: .relaxed) }

  /// Hits of which keys, and which other hits, are to be looked at twice.
  func setSampling(observedBelow threshold: UInt32, probeMask: UInt32) {
    common.pointee.observed.store(threshold, ordering: .relaxed)
    for index in 0..<count { self[index].pointee.probeMask.store(probeMask, ordering: .relaxed) }
    setThresholds()
  }

  /// A shard's policy samples hashes below this for its models.
  @inlinable @inline(__always)
  func include(modelledBelow threshold: UInt32) {
    if threshold > common.pointee.modelled.load(ordering: .relaxed) { raise(threshold) }
  }

  @usableFromInline @inline(never)
  func raise(_ threshold: UInt32) {
    _ = common.pointee.modelled.max(threshold, ordering: .relaxed)
    setThresholds()
  }

  private func setThresholds() {
    let common = common
    let threshold = max(
      common.pointee.observed.load(ordering: .relaxed), common.pointee.modelled.load(ordering: .relaxed))
    for index in 0..<count { self[index].pointee.sampledBelow.store(threshold, ordering: .relaxed) }
  }

  /// Cells that may be in use.
  var inUse: Range<UInt32> { 0..<min(localcache_thread_slots(), count) }

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
