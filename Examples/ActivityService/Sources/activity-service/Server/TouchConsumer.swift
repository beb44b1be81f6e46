import ServiceLifecycle
import Synchronization

/// Users whose activities are wanted soon: what a message queue would deliver. A second way into the same cache.
struct TouchConsumer: Service {
  private let source: any ActivitySource
  private let users: AsyncStream<Int64>
  private let input: AsyncStream<Int64>.Continuation

  init(_ source: any ActivitySource) {
    self.source = source
    // Bounded: what cannot be kept up with is dropped.
    (users, input) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1_000))
  }

  func touch(_ user: Int64) { input.yield(user) }

  func run() async {
    await cancelWhenGracefulShutdown {
      for await user in users { _ = source.summary(of: user) }
    }
  }
}
