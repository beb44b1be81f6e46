import Synchronization

/// Lets the writes of one key happen one after the other, in the order in which they came: what was written last is what stays, in both tiers.
final class WriteOrder<Key: Hashable & Sendable>: Sendable {
  private struct Tail {
    let number: UInt64
    let task: Task<Void, Never>
  }
  private struct State {
    var tails: [Key: Tail] = [:]
    var next: UInt64 = 0
  }
  private let state = Mutex(State())

  /// Runs the write after those of the same key that came before. Goes on when the caller is cancelled: a write is not left half done.
  func run<Result: Sendable>(_ key: Key, _ write: @escaping @Sendable () async -> Result) async -> Result {
    let task = state.withLock { state in
      let earlier = state.tails[key]?.task
      state.next &+= 1
      let number = state.next
      let task = Task.detached { [self] in
        await earlier?.value
        let result = await write()
        forget(key, number)
        return result
      }
      state.tails[key] = Tail(number: number, task: Task.detached { _ = await task.value })
      return task
    }
    return await task.value
  }

  private func forget(_ key: Key, _ number: UInt64) {
    state.withLock { state in
      if state.tails[key]?.number == number { state.tails[key] = nil }
    }
  }
}
