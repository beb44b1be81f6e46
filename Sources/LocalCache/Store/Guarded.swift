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
///
/// One block of malloc and a pointer to it, which its owner keeps: an empty cache has some ten of them.
@usableFromInline
package struct Guarded<Value>: ~Copyable, @unchecked Sendable {
  private struct Lock: ~Copyable {
    var mutex = pthread_mutex_t()
    /// The generation of the process in which the lock is known to be nobody's, or that of a thread which is there.
    let generation = Atomic(localcache_generation())
    /// That in which a thread has begun to find out.
    let asked = Atomic(localcache_generation())
  }

  /// The lock, and the value behind it. Not fields: the sanitizer would take an access to a value of no size for one to what has its address.
  private let memory: UnsafeMutableRawPointer

  private static var offset: Int {
    let alignment = MemoryLayout<Value>.alignment
    return (MemoryLayout<Lock>.size + alignment - 1) / alignment * alignment
  }

  private var lock: UnsafeMutablePointer<Lock> { memory.assumingMemoryBound(to: Lock.self) }
  private var mutex: UnsafeMutablePointer<pthread_mutex_t> {
    // The first field.
    UnsafeMutableRawPointer(memory).assumingMemoryBound(to: pthread_mutex_t.self)
  }
  private var value: UnsafeMutablePointer<Value> { (memory + Self.offset).assumingMemoryBound(to: Value.self) }

  package init(_ value: sending Value) {
    memory = .allocate(
      byteCount: Self.offset + max(MemoryLayout<Value>.size, 1),
      alignment: max(MemoryLayout<Lock>.alignment, MemoryLayout<Value>.alignment))
    memory.bindMemory(to: Lock.self, capacity: 1).initialize(to: Lock())
    (memory + Self.offset).initializeMemory(as: Value.self, to: value)
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    value.deinitialize(count: 1)
    lock.deinitialize(count: 1)
    memory.deallocate()
  }

  package func withLock<Result, Failure: Error>(_ body: (inout Value) throws(Failure) -> Result)
    throws(Failure) -> Result
  {
    if lock.pointee.generation.load(ordering: .relaxed) == localcache_generation() {
      pthread_mutex_lock(mutex)
    } else {
      lockAfterFork()
    }
    defer { pthread_mutex_unlock(mutex) }
    return try body(&value.pointee)
  }

  /// The same for the first time in the child of a fork: a thread that held the lock then is not here, and will never free it.
  private func lockAfterFork() {
    let now = localcache_generation()
    if lock.pointee.asked.exchange(now, ordering: .acquiringAndReleasing) != now {
      // Nobody else of this process takes it before this thread has.
      guard pthread_mutex_trylock(mutex) == 0 else { ForkedProcess.endOfWhatWasBeingChanged() }
      return lock.pointee.generation.store(now, ordering: .releasing)
    }
    while lock.pointee.generation.load(ordering: .acquiring) != now { sched_yield() }
    pthread_mutex_lock(mutex)
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
