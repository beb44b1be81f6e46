import CLocalCache
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A lock for sections of some ten nanoseconds, with readers that do not disturb each other.
///
/// Exclusively: one atomic exchange to enter, one plain store to leave. A waiter spins for a short while, then yields, then sleeps in growing
/// steps, so a holder that lost its processor gets it back.
///
/// Together: after many reads in a row a shard becomes open to readers, who then only mark a `ReaderCell` of their own. Who wants it exclusively
/// closes it first and waits until no cell is marked with it (BRAVO, see there). Closing costs a barrier of all threads and a look at their cells,
/// which the reads before it pay for; a shard that is written often stays closed.
@usableFromInline
struct ShardLock: ~Copyable {
  @usableFromInline let state = Atomic<UInt32>(0)
  /// 1 while readers may enter together.
  @usableFromInline let isOpen = Atomic<UInt32>(0)
  /// Exclusive reads since the last write, and how many of them open the shard. The former only under the lock.
  @usableFromInline let reads = Atomic<UInt32>(0)
  @usableFromInline let readsToOpen: UInt32
  /// The thread that runs a `withValue` closure exclusively, or 0: finds a closure that calls its own cache, which would wait for itself for ever.
  @usableFromInline let borrower = Atomic<UInt>(0)
  @usableFromInline let cells: ReaderCells
  /// What marks a cell; not 0.
  @usableFromInline let tag: UInt

  /// - Parameter opens: whether readers may ever enter together.
  init(cells: ReaderCells, tag: UInt, opens: Bool) {
    self.cells = cells
    self.tag = tag
    readsToOpen = opens ? Self.readsToOpen : .max
  }

  /// To close a shard takes up to some ten microseconds, which is what this many reads together save.
  private static let readsToOpen: UInt32 = 4096

  // MARK: Together

  /// Begins to read together with others. Nil if that is not possible now. The caller leaves by the cell.
  @inlinable @inline(__always)
  func enter() -> UnsafeMutablePointer<ReaderCell>? {
    // A cell that is marked already: this thread is in a closure of `withValue`.
    guard isOpen.load(ordering: .relaxed) != 0, let cell = cells.own, cell.pointee.isFree else { return nil }
    if cells.isAsymmetric {
      cell.pointee.owner.store(tag, ordering: .relaxed)
      localcache_compiler_barrier()
    } else {
      _ = cell.pointee.owner.exchange(tag, ordering: .sequentiallyConsistent)
    }
    // Either this load sees that the shard was closed, or whoever closes it sees the cell.
    if isOpen.load(ordering: .acquiring) != 0 { return cell }
    cell.pointee.leave()
    return nil
  }

  // MARK: Exclusively

  @inlinable @inline(__always)
  func lock() {
    if !state.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged {
      lockSlowly()
    }
    if isOpen.load(ordering: .relaxed) != 0 { close() }
  }

  /// After a write: the reads that open the shard have to be in a row.
  @inlinable @inline(__always)
  func unlock() {
    reads.store(0, ordering: .relaxed)
    state.store(0, ordering: .releasing)
  }

  /// The same after a read: some of these open the shard.
  @inlinable @inline(__always)
  func unlockAfterReading() {
    let count = reads.load(ordering: .relaxed) &+ 1
    reads.store(count, ordering: .relaxed)
    if count == readsToOpen { isOpen.store(1, ordering: .releasing) }
    state.store(0, ordering: .releasing)
  }

  /// Lets no more readers in and waits for those that are inside.
  @usableFromInline @inline(never)
  func close() {
    isOpen.store(0, ordering: .sequentiallyConsistent)
    localcache_barrier(cells.isAsymmetric)
    for index in cells.inUse {
      var rounds: UInt32 = 0
      while cells[index].pointee.owner.load(ordering: .acquiring) == tag {
        rounds += 1
        if rounds < 64 { continue }
        checkNotMine(cells[index].pointee.borrower.load(ordering: .relaxed))
        pause(rounds)
      }
    }
  }

  @usableFromInline @inline(never)
  func lockSlowly() {
    var rounds: UInt32 = 0
    while true {
      // Reading first keeps the line shared between the waiters while the holder works.
      if state.load(ordering: .relaxed) == 0,
        state.weakCompareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged
      {
        return
      }
      rounds += 1
      if rounds < 64 { continue }
      checkNotMine(borrower.load(ordering: .relaxed))
      pause(rounds)
    }
  }

  private func pause(_ rounds: UInt32) {
    if rounds < 96 {
      sched_yield()
    } else {
      usleep(rounds < 128 ? 20 : 200)
    }
  }

  private func checkNotMine(_ borrower: UInt) {
    precondition(
      borrower == 0 || borrower != ThisThread.number,
      "LocalCache: the closure of withValue uses the same cache; take what it needs out of the closure first"
    )
  }
}
