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
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return try body(&value.pointee)
  }
}
