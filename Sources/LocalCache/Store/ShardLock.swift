import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A lock for sections of some ten nanoseconds: one atomic exchange to enter, one plain store to leave.
///
/// `Synchronization.Mutex` pays two exchanges and, on Linux, hands over through the kernel's priority-inheritance queue, which makes two threads
/// slower than one. Here a waiter spins for a short while, then yields, then sleeps in growing steps, so a holder that lost its processor gets
/// it back. Nothing that can block happens under the lock but `withValue`'s closure.
@usableFromInline
struct ShardLock: ~Copyable {
  @usableFromInline let state = Atomic<UInt32>(0)
  /// The thread that runs a `withValue` closure, or 0: finds a closure that calls its own cache, which would wait for itself for ever.
  @usableFromInline let borrower = Atomic<UInt>(0)

  @usableFromInline init() {}

  @inlinable @inline(__always)
  func lock() {
    if !state.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged {
      lockSlowly()
    }
  }

  @inlinable @inline(__always)
  func unlock() {
    state.store(0, ordering: .releasing)
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
      let borrowing = borrower.load(ordering: .relaxed)
      precondition(
        borrowing == 0 || borrowing != Self.currentThread,
        "LocalCache: the closure of withValue uses the same cache; take what it needs out of the closure first"
      )
      if rounds < 96 {
        sched_yield()
      } else {
        usleep(rounds < 128 ? 20 : 200)
      }
    }
  }

  /// Around a closure of the caller.
  @inlinable
  func beginBorrow() { borrower.store(Self.currentThread, ordering: .relaxed) }

  @inlinable
  func endBorrow() { borrower.store(0, ordering: .relaxed) }

  @usableFromInline
  static var currentThread: UInt {
    let thread = pthread_self()
    return withUnsafeBytes(of: thread) { $0.loadUnaligned(as: UInt.self) }
  }
}
