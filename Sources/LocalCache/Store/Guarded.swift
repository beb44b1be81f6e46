import CLocalCache
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A value behind a lock of the system, for what is not on the way of a look-up.
///
/// In place of `Synchronization.Mutex`, whose waiting happens in a library that the thread sanitizer does not see into: every wait would be
/// reported as a race. A waiter of this one also sleeps instead of spinning.
@usableFromInline
package final class Guarded<Value>: @unchecked Sendable {
  /// The lock, and the value behind it. Not fields: the sanitizer would take an access to a value of no size for one to what has its address.
  private let memory: UnsafeMutableRawPointer
  /// The generation of the process in which the lock is known to be nobody's, or that of a thread which is there.
  private let generation = Atomic(localcache_generation())
  /// That in which a thread has begun to find out.
  private let asked = Atomic(localcache_generation())

  private static var offset: Int {
    let alignment = MemoryLayout<Value>.alignment
    return (MemoryLayout<pthread_mutex_t>.size + alignment - 1) / alignment * alignment
  }

  private var lock: UnsafeMutablePointer<pthread_mutex_t> { memory.assumingMemoryBound(to: pthread_mutex_t.self) }
  private var value: UnsafeMutablePointer<Value> { (memory + Self.offset).assumingMemoryBound(to: Value.self) }

  package init(_ value: sending Value) {
    memory = .allocate(
      byteCount: Self.offset + max(MemoryLayout<Value>.size, 1),
      alignment: max(MemoryLayout<pthread_mutex_t>.alignment, MemoryLayout<Value>.alignment))
    memory.initializeMemory(as: pthread_mutex_t.self, to: pthread_mutex_t())
    (memory + Self.offset).initializeMemory(as: Value.self, to: value)
    pthread_mutex_init(lock, nil)
  }

  deinit {
    pthread_mutex_destroy(lock)
    value.deinitialize(count: 1)
    memory.deallocate()
  }

  package func withLock<Result, Failure: Error>(_ body: (inout Value) throws(Failure) -> Result)
    throws(Failure) -> Result
  {
    if generation.load(ordering: .relaxed) == localcache_generation() {
      pthread_mutex_lock(lock)
    } else {
      lockAfterFork()
    }
    defer { pthread_mutex_unlock(lock) }
    return try body(&value.pointee)
  }

  /// The same for the first time in the child of a fork: a thread that held the lock then is not here, and will never free it.
  private func lockAfterFork() {
    let now = localcache_generation()
    if asked.exchange(now, ordering: .acquiringAndReleasing) != now {
      // Nobody else of this process takes it before this thread has.
      guard pthread_mutex_trylock(lock) == 0 else { ForkedProcess.endOfWhatWasBeingChanged() }
      return generation.store(now, ordering: .releasing)
    }
    while generation.load(ordering: .acquiring) != now { sched_yield() }
    pthread_mutex_lock(lock)
  }
}

/// The child of a fork, which has one thread of its parent's.
enum ForkedProcess {
  /// What another thread was changing when the process was forked stays half changed in the child.
  ///
  /// Not a precondition: an optimized program would end without the words.
  static func endOfWhatWasBeingChanged() -> Never {
    fatalError(
      "LocalCache: the process was forked while another thread changed this cache; use caches in the parent only, or begin the child with posix_spawn"
    )
  }
}
