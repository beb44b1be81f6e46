import Synchronization

/// The task that gives the memory of expired entries back while nobody uses the cache.
///
/// It exists from the first entry that can expire until nothing is left that can, and sleeps in between: no thread, no timer of the system.
/// It holds the cache weakly, and ends with it.
@usableFromInline
final class Sweeper: Sendable {
  private let running = Atomic<Bool>(false)
  private let task = Guarded<Task<Void, Never>?>(nil)

  /// Starts the task unless it runs.
  func start(_ body: @escaping @Sendable () async -> Void) {
    guard !running.exchange(true, ordering: .relaxed) else { return }
    task.withLock { $0 = Task.detached(priority: .background) { await body() } }
  }

  func ended() { running.store(false, ordering: .relaxed) }

  func stop() { task.withLock { $0?.cancel() } }
}
