import Glibc

/// A thread beside those of Swift's pool: what runs on it may block for as long as it likes, or must stay on one thread.
public struct SystemThread: Sendable {
  private let handle: pthread_t

  private final class Job {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Begins at once, and keeps what `body` captures until that returns. To be joined or detached, once.
  ///
  /// - Returns: nil where the system allows no further thread; `body` is let go then.
  public init?(_ body: @escaping @Sendable () -> Void) {
    var handle = pthread_t()
    let job = Unmanaged.passRetained(Job(body))
    let code = pthread_create(
      &handle, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, job.toOpaque())
    guard code == 0 else {
      job.release()
      return nil
    }
    self.handle = handle
  }

  /// Lets it end by itself.
  public func detach() { pthread_detach(handle) }

  /// Waits for its end.
  public func join() { pthread_join(handle, nil) }
}
