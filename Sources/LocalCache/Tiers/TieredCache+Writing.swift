extension TieredCache {
  /// Stores a value in both tiers, for the configured time or for this one. Other processes that keep the key drop it.
  ///
  /// - Returns: whether the remote tier has it. If not, this process uses the value all the same, and what the remote tier had before is removed
  ///   as soon as it can be.
  @discardableResult
  public func set(_ value: Value, for key: Key, lifetime: Duration? = nil) async -> Bool {
    await order.run(key) { [self] in
      unbelieved.writeBegins(key)
      defer { unbelieved.writeEnds(key) }
      // A load that is on its way brings what was true before.
      stamps.changed(key.hashValue)
      let stored = entry(value, stamps.stamp(), loadTime: .zero, lifetime: lifetime)
      local.set(stored, for: key)
      guard let bytes = envelope(stored)?.bytes else { return await failedWrite(key) }
      let lifetime = Duration.milliseconds(
        max(1, stored.deadline.subtractingReportingOverflow(configuration.wallClock()).partialValue))
      let remoteEntry = RemoteEntry(name: remoteName(key), bytes: bytes, lifetime: lifetime)
      guard case .answered = await gate.run({ [remote] in try await remote.set([remoteEntry]) }) else {
        return await failedWrite(key)
      }
      unbelieved.removalEnds(key)
      counters.count(\.writes)
      return true
    }
  }

  /// Removes a key from both tiers, and from the local tiers of other processes.
  ///
  /// - Returns: whether the remote tier knows. If not, it is told as soon as it can be, and until then this process does not believe it.
  @discardableResult
  public func remove(_ key: Key) async -> Bool {
    await order.run(key) { [self] in
      unbelieved.writeBegins(key)
      defer { unbelieved.writeEnds(key) }
      stamps.changed(key.hashValue)
      local.remove(key)
      return await removeRemotely(key)
    }
  }

  /// The remote tier could not take the new value: the old one must not stay there.
  private func failedWrite(_ key: Key) async -> Bool {
    counters.count(\.failedWrites)
    _ = await removeRemotely(key)
    return false
  }

  private func removeRemotely(_ key: Key) async -> Bool {
    // Before the attempt, because a call that is given up may still have been heard, or not.
    unbelieved.removalBegins(key)
    let name = remoteName(key)
    guard case .answered = await gate.run({ [remote] in try await remote.delete([name]) }) else {
      makeUpForRemovals()
      return false
    }
    unbelieved.removalEnds(key)
    return true
  }

  // MARK: What the remote tier has missed

  /// Tells the remote tier of removals that it has not heard of, again and again until it has heard of all, whether anybody uses the cache or not.
  private func makeUpForRemovals() {
    removing.start(priority: .medium) { [weak self, removing] in
      var pause = Duration.milliseconds(50)
      while (try? await Task.sleep(for: pause)) != nil {
        guard let self else { break }
        await tellRemovals()
        guard unbelieved.removalCount > 0 else {
          removing.ended()
          // What came in between the two found the task still running.
          if unbelieved.removalCount > 0 { makeUpForRemovals() }
          return
        }
        pause = min(pause * 2, .seconds(5))
      }
      removing.ended()
    }
  }

  /// Tells it once, one key after the other, and stops where it does not take them. In any order, so that a key that it refuses holds no other up for good.
  func tellRemovals() async {
    var failures = 0
    for key in unbelieved.removals.shuffled() where failures < 8 {
      let isTold = await order.run(key) { [self] in
        unbelieved.isRemovalPending(key) ? await removeRemotely(key) : true
      }
      if !isTold { failures += 1 }
    }
  }
}
