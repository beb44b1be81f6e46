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
  private let state = Guarded(State())

  /// Runs the write after those of the same key that came before. Goes on when the caller is cancelled: a write is not left half done.
  func run<Result: Sendable>(_ key: Key, _ write: @escaping @Sendable () async -> Result) async -> Result {
    await run([key], write)
  }

  /// The same for several keys. All take their places at once, so that no two writes wait for each other.
  func run<Result: Sendable>(_ keys: [Key], _ write: @escaping @Sendable () async -> Result) async -> Result {
    let task = state.withLock { state in
      let earlier = keys.compactMap { state.tails[$0]?.task }
      state.next &+= 1
      let number = state.next
      let task = Task.detached { [self] in
        for task in earlier { await task.value }
        let result = await write()
        forget(keys, number)
        return result
      }
      let tail = Tail(number: number, task: Task.detached { _ = await task.value })
      for key in keys { state.tails[key] = tail }
      return task
    }
    return await task.value
  }

  private func forget(_ keys: [Key], _ number: UInt64) {
    state.withLock { state in
      for key in keys where state.tails[key]?.number == number { state.tails[key] = nil }
    }
  }
}
