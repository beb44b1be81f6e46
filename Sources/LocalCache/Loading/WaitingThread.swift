#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A thread that sleeps until another one has something for it.
///
/// Mutex and condition of the system, which the thread sanitizer sees into (see `Guarded`).
final class WaitingThread<Answer: Sendable>: @unchecked Sendable {
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var answer: Answer?

  init() {
    lock.initialize(to: pthread_mutex_t())
    condition.initialize(to: pthread_cond_t())
    pthread_mutex_init(lock, nil)
    #if canImport(Darwin)
      pthread_cond_init(condition, nil)
    #else
      // A wall clock that is set must not lengthen a wait.
      var attributes = pthread_condattr_t()
      pthread_condattr_init(&attributes)
      pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
      pthread_cond_init(condition, &attributes)
      pthread_condattr_destroy(&attributes)
    #endif
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(lock)
    condition.deallocate()
    lock.deallocate()
  }

  /// Hands over what the thread waits for. To be called once.
  func goOn(with answer: Answer) {
    pthread_mutex_lock(lock)
    self.answer = answer
    pthread_cond_signal(condition)
    pthread_mutex_unlock(lock)
  }

  /// What `goOn` is given; nil if that takes longer than `limit`. Nil: waits as long as it takes.
  func wait(_ limit: Duration?) -> Answer? {
    let end = limit.map { ContinuousClock.now + $0.reckonable }
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    while answer == nil {
      guard let end else {
        pthread_cond_wait(condition, lock)
        continue
      }
      let left = ContinuousClock.now.duration(to: end)
      guard left > .zero else { return nil }
      sleep(left)
    }
    return answer
  }

  private func sleep(_ time: Duration) {
    let (seconds, attoseconds) = time.components
    #if canImport(Darwin)
      var length = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
      pthread_cond_timedwait_relative_np(condition, lock, &length)
    #else
      var end = timespec()
      clock_gettime(CLOCK_MONOTONIC, &end)
      end.tv_sec += Int(seconds)
      end.tv_nsec += Int(attoseconds / 1_000_000_000)
      if end.tv_nsec >= 1_000_000_000 {
        end.tv_nsec -= 1_000_000_000
        end.tv_sec += 1
      }
      pthread_cond_timedwait(condition, lock, &end)
    #endif
  }
}
