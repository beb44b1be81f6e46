/// Calls closures after a while, all of a process by means of one task that sleeps.
///
/// Such a task takes three kilobytes: its own memory, what is to wake it, and what it began with. That is six bytes of each entry in a cache of five hundred. The
/// sleep ends when the first closure is due; one that is due before all others begins another sleep. Each closure runs in a task of its own, so that none waits
/// for another.
final class SharedAlarm: Sendable {
  static let shared = SharedAlarm()

  private struct Call {
    let due: UInt64
    let body: @Sendable () -> Void
  }

  private struct State {
    var calls: [Call] = []
    /// When the present sleep ends; `none` where nobody sleeps.
    var end = none
    var sleeper: Task<Void, Never>?
    static let none = UInt64.max
  }
  private let state = Guarded(State())

  /// Calls it once, at low priority. Linear in the number of those that wait.
  func call(after pause: Duration, _ body: @escaping @Sendable () -> Void) {
    let due = CacheTime.systemNanoseconds() &+ pause.nanoseconds
    let late = state.withLock { state -> Task<Void, Never>? in
      state.calls.append(Call(due: due, body: body))
      guard due < state.end else { return nil }
      let late = state.sleeper
      state.end = due
      state.sleeper = Task.detached(priority: .background) { [self] in await sleep(until: due) }
      return late
    }
    late?.cancel()
  }

  private func sleep(until first: UInt64) async {
    var end = first
    while true {
      let now = CacheTime.systemNanoseconds()
      do { try await Task.sleep(for: .nanoseconds(Int64(clamping: end - min(now, end)))) } catch { return }
      let due = take(at: end)
      for call in due.calls { Task.detached(priority: .background) { call.body() } }
      guard let next = due.next else { return }
      end = next
    }
  }

  /// What is due at the end of a sleep, and the end of the next; nil where nobody is to sleep, or somebody else does.
  private func take(at end: UInt64) -> (calls: [Call], next: UInt64?) {
    // The sleep may be over a moment before the clock says so, which goes on in steps.
    let now = max(CacheTime.systemNanoseconds(), end)
    return state.withLock { state in
      guard state.end == end else { return ([], nil) }
      let calls = state.calls.filter { $0.due <= now }
      state.calls.removeAll { $0.due <= now }
      let next = state.calls.map(\.due).min()
      state.end = next ?? State.none
      if next == nil { state.sleeper = nil }
      return (calls, next)
    }
  }
}
