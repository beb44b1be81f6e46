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
/// Together: after some reads a shard becomes open to readers, who then only mark a `ReaderCell` of their own. Who wants it exclusively closes
/// it first and waits until no cell is marked with it (BRAVO, see there). Between marking its cell and looking whether the shard is still open
/// a reader needs a full barrier; where nothing was closed for long, it leaves that to who closes the shard (`OpenState`).
@usableFromInline
struct ShardLock: ~Copyable {
  /// 0, or what `localcache_generation` says in the process of who holds it.
  @usableFromInline let state = Atomic<UInt32>(0)
  @usableFromInline let openState = Atomic<UInt32>(OpenState.closed)
  /// Exclusive reads since the shard was closed, and how many of them open it. The former only under the lock.
  @usableFromInline let reads = Atomic<UInt32>(0)
  @usableFromInline let readsToOpen: UInt32
  /// The thread that runs a closure of the caller exclusively, or 0: finds a closure that calls its own cache, which would wait for itself for ever.
  @usableFromInline let borrower = Atomic<UInt>(0)
  @usableFromInline let cells: ReaderCells
  /// What marks a cell; not 0.
  @usableFromInline let tag: UInt
  /// Those that wait for the lock for more than a moment.
  private let waiters = Atomic<UInt32>(0)

  /// How readers may enter together.
  @usableFromInline
  enum OpenState {
    @usableFromInline static let closed: UInt32 = 0
    /// With a barrier of their own; to close costs a look at the cells.
    @usableFromInline static let fenced: UInt32 = 1
    /// Without; to close costs a barrier of all threads, some ten microseconds.
    @usableFromInline static let unfenced: UInt32 = 2
  }

  /// - Parameter opens: whether readers may ever enter together.
  init(cells: ReaderCells, tag: UInt, opens: Bool) {
    self.cells = cells
    self.tag = tag
    readsToOpen = opens ? 32 : .max
  }

  // MARK: Together

  /// Begins to read a shard that is open wide, or returns nil. The caller leaves by the cell.
  ///
  /// The cell is marked whatever the shard is: looking first would cost as much again. A mark on a shard that is not open wide is gone at once.
  @inlinable @inline(__always)
  func enterWide(_ cells: ReaderCells, tag: UInt) -> UnsafeMutablePointer<ReaderCell>? {
    let cell = cells.ownOrNobodys
    guard cell.pointee.isFree else { return nil }
    cell.pointee.owner.store(tag, ordering: .relaxed)
    localcache_compiler_barrier()
    // Either this load sees that the shard was closed, or whoever closes it sees the cell. Who closes one of another kind does not wait for this
    // store to arrive.
    if openState.load(ordering: .acquiring) == OpenState.unfenced { return cell }
    cell.pointee.leave()
    return nil
  }

  /// Begins to read together with others. Nil if that is not possible now. The caller leaves by the cell.
  @inlinable @inline(__always)
  func enter() -> UnsafeMutablePointer<ReaderCell>? {
    let openState = openState.load(ordering: .relaxed)
    guard openState != OpenState.closed, let cell = cells.own else { return nil }
    guard cell.pointee.isFree else { return refuse(cell) }
    guard openState == OpenState.unfenced else { return enterFenced(cell) }
    cell.pointee.owner.store(tag, ordering: .relaxed)
    localcache_compiler_barrier()
    // Either this load sees that the shard was closed, or whoever closes it sees the cell. A shard that was closed and opened again meanwhile
    // must be of the same kind: who closes one of the other kind does not wait for this store to arrive.
    if self.openState.load(ordering: .acquiring) == OpenState.unfenced { return cell }
    cell.pointee.leave()
    return nil
  }

  @usableFromInline @inline(never)
  func enterFenced(_ cell: UnsafeMutablePointer<ReaderCell>) -> UnsafeMutablePointer<ReaderCell>? {
    if localcache_barrier_reaches_all(), cell.pointee.isToOpenWide(closings: cells.closings) {
      // Fails if the shard was closed meanwhile.
      _ = openState.compareExchange(expected: OpenState.fenced, desired: OpenState.unfenced, ordering: .relaxed)
    }
    _ = cell.pointee.owner.exchange(tag, ordering: .sequentiallyConsistent)
    // Sequentially consistent like the exchange, or a processor that orders less than x86-64 might look before others can see the mark.
    if openState.load(ordering: .sequentiallyConsistent) != OpenState.closed { return cell }
    cell.pointee.leave()
    return nil
  }

  /// This thread reads already: its key's `==` uses the cache, or a closure of `withValue` does.
  @usableFromInline @inline(never)
  func refuse(_ cell: UnsafeMutablePointer<ReaderCell>) -> UnsafeMutablePointer<ReaderCell>? {
    checkNotMine(cell.pointee.borrower.load(ordering: .relaxed))
    return nil
  }

  /// Whether others may read together. May have changed by the time it is known.
  @inlinable @inline(__always)
  var isOpen: Bool { openState.load(ordering: .relaxed) != OpenState.closed }

  // MARK: Exclusively

  @inlinable @inline(__always)
  func lock() {
    lockToRead()
    shutOut()
  }

  /// For reading, and for what may be changed beside readers: others that read may be inside.
  @inlinable @inline(__always)
  func lockToRead() {
    if !state.compareExchange(expected: 0, desired: localcache_generation(), ordering: .acquiring).exchanged {
      lockSlowly()
    }
  }

  /// Who locked to read wants to write after all.
  @inlinable @inline(__always)
  func shutOut() {
    if openState.load(ordering: .relaxed) != OpenState.closed { close() }
  }

  /// Stands before each store that lets others in.
  ///
  /// A reference that is read in here has to be retained in here, or a writer may release the last other one meanwhile. The store's ordering says that to
  /// the processor only: the compiler takes a store for something that can release nothing, atomic or not, and moves retains behind it
  /// (swiftlang/swift lib/LLVMPasses/LLVMARCOpts.cpp, `performLocalRetainMotion`). It moves none over a fence, which is no instruction here.
  @inlinable @inline(__always)
  static func endOfSection() { localcache_compiler_barrier() }

  @inlinable @inline(__always)
  func unlock() {
    Self.endOfSection()
    state.store(0, ordering: .releasing)
  }

  /// The same after a read: some of these open the shard.
  @inlinable @inline(__always)
  func unlockAfterReading() {
    Self.endOfSection()
    let count = reads.load(ordering: .relaxed) &+ 1
    reads.store(count, ordering: .relaxed)
    if count == readsToOpen, openState.load(ordering: .relaxed) == OpenState.closed {
      openState.store(OpenState.fenced, ordering: .releasing)
    }
    state.store(0, ordering: .releasing)
  }

  /// Lets no more readers in and waits for those that are inside.
  @usableFromInline @inline(never)
  func close() {
    reads.store(0, ordering: .relaxed)
    let before = openState.exchange(OpenState.closed, ordering: .sequentiallyConsistent)
    localcache_barrier(before == OpenState.unfenced)
    cells.countClosing()
    for index in cells.inUse {
      var rounds: UInt32 = 0
      while cells[index].pointee.owner.load(ordering: .acquiring) == tag {
        rounds += 1
        if rounds < 64 { continue }
        guard !localcache_is_lost(index) else {
          cells[index].pointee.owner.store(0, ordering: .relaxed)
          break
        }
        checkNotMine(cells[index].pointee.borrower.load(ordering: .relaxed))
        pause(rounds)
      }
    }
  }

  @usableFromInline @inline(never)
  func lockSlowly() {
    var rounds: UInt32 = 0
    defer { if rounds >= 64 { waiters.subtract(1, ordering: .relaxed) } }
    while true {
      // Reading first keeps the line shared between the waiters while the holder works.
      if state.load(ordering: .relaxed) == 0,
        state.weakCompareExchange(expected: 0, desired: localcache_generation(), ordering: .acquiring).exchanged
      {
        return
      }
      rounds += 1
      if rounds < 64 { continue }
      if rounds == 64 { waiters.add(1, ordering: .relaxed) }
      checkNotMine(borrower.load(ordering: .relaxed))
      checkHolderIsHere()
      pause(rounds)
    }
  }

  /// For who has freed the lock and will take it again at once, many times: lets those have it that wait, some milliseconds at most.
  ///
  /// The lock is nobody's who came first. Who sleeps between two looks finds it free as often as it is, and that is hardly ever while another one has work for it
  /// all the time.
  func giveWay() {
    var rounds = 0
    while waiters.load(ordering: .relaxed) != 0, rounds < 50 {
      if rounds < 4 { sched_yield() } else { usleep(100) }
      rounds += 1
    }
  }

  private func pause(_ rounds: UInt32) {
    if rounds < 96 {
      sched_yield()
    } else {
      // The longer it has taken, the longer it may take: a reader that was stopped, say, for seconds.
      usleep(rounds < 128 ? 20 : rounds < 1024 ? 200 : 2000)
    }
  }

  // Not preconditions: an optimized program would end without the words.

  private func checkNotMine(_ borrower: UInt) {
    if borrower != 0, borrower == ThisThread.number {
      fatalError(
        "LocalCache: the closure of withValue or removeAll(where:) uses the same cache; take what it needs out of the closure first"
      )
    }
  }

  /// A thread that was changing the cache when another one called fork does not end that in the child.
  private func checkHolderIsHere() {
    let holder = state.load(ordering: .relaxed)
    if holder != 0, holder < localcache_generation() { ForkedProcess.endOfWhatWasBeingChanged() }
  }
}
