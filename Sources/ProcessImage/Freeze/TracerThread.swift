import Glibc

/// A thread of its own for ptrace: the kernel accepts requests only from the thread that attached.
///
/// Its end is also the safest way to let go: the kernel then detaches everything at once, threads included that were asked to
/// stop and have not stopped yet, which `PTRACE_DETACH` cannot do.
final class TracerThread: @unchecked Sendable {
  // All state is behind `mutex`; the closure is only touched while its caller waits in `run`.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var job: (() -> Void)?
  private var isEnding = false
  private var thread: SystemThread?

  /// Nil where the system allows no further thread.
  init?() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
    guard let thread = SystemThread({ self.work() }) else { return nil }
    self.thread = thread
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  /// On a busy host the target would stand still while this thread waits for a processor. Needs CAP_SYS_NICE; without it, so be it.
  private static let priority: Int32 = -15

  private func work() {
    // On Linux this is the calling thread alone.
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.priority)
    pthread_mutex_lock(mutex)
    while true {
      if let job {
        pthread_mutex_unlock(mutex)
        job()
        pthread_mutex_lock(mutex)
        self.job = nil
        pthread_cond_broadcast(changed)
      } else if isEnding {
        break
      } else {
        pthread_cond_wait(changed, mutex)
      }
    }
    pthread_mutex_unlock(mutex)
  }

  /// Runs `body` on the tracing thread and waits for it. Nil when the thread has ended already. Never call it from `body`.
  func run<Result>(_ body: @escaping () -> Result) -> Result? {
    var result: Result?
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while job != nil { pthread_cond_wait(changed, mutex) }
    guard !isEnding else { return nil }
    var isDone = false
    job = {
      result = body()
      isDone = true
    }
    pthread_cond_broadcast(changed)
    while !isDone { pthread_cond_wait(changed, mutex) }
    return result
  }

  /// Ends the thread; the kernel detaches whatever it still traces and kills children marked for it. Safe to call twice.
  func end() {
    pthread_mutex_lock(mutex)
    isEnding = true
    let ending = thread
    thread = nil
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(mutex)
    ending?.join()
  }
}
