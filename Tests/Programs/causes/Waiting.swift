import Foundation

/// Events for a consumer that never comes: the stream's buffer has no bound unless it is given one.
final class StreamService: Service {
  struct Event { var payload: Payload }
  private let events: AsyncStream<Event>
  private let source: AsyncStream<Event>.Continuation
  init() { (events, source) = AsyncStream.makeStream(of: Event.self) }
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<60 { source.yield(Event(payload: Payload(4_000))) }
    withExtendedLifetime(events) {}
    return 60
  }
}

/// Handles of tasks that have long ended.
final class FinishedTaskService: Service {
  var handles: [Task<Int, Never>] = []
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for index in 0..<60 { handles.append(Task.detached { await work(index) }) }
    usleep(20_000)
    return 60
  }
}

@inline(never)
func work(_ number: Int) async -> Int {
  await Task.yield()
  return number
}

/// The same loss as `ContinuationService` with the checked kind, which says so on standard error each time.
final class CheckedContinuationService: Service {
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<30 { Task.detached { await waitForReply() } }
    usleep(20_000)
    return 30
  }
}

@inline(never)
func waitForReply() async { await withCheckedContinuation { (_: CheckedContinuation<Void, Never>) in } }
