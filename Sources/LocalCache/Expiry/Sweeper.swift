import Synchronization

/// A task that looks after something while nobody uses the cache, such as the memory of expired entries.
///
/// It exists as long as there is something to do, and sleeps in between: no thread, no timer of the system. It holds the cache weakly, and ends with it.
@usableFromInline
final class Sweeper: Sendable {
  private let running = Atomic<Bool>(false)
  private let task = Guarded<Task<Void, Never>?>(nil)

  /// Starts the task unless it runs.
  func start(priority: TaskPriority = .background, _ body: @escaping @Sendable () async -> Void) {
    guard !running.exchange(true, ordering: .relaxed) else { return }
    task.withLock { $0 = Task.detached(priority: priority) { await body() } }
  }

  /// The same for who needs no task of its own. Returns whether it was not running.
  func begin() -> Bool { !running.exchange(true, ordering: .relaxed) }

  /// Whether somebody looks after it at present.
  var isRunning: Bool { running.load(ordering: .relaxed) }

  func ended() { running.store(false, ordering: .relaxed) }

  func stop() { task.withLock { $0?.cancel() } }
}
