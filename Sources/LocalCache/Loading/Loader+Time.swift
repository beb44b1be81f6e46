/// The time limit of loads. It is none of the load's own business: a load that heeds no cancellation would keep a task group waiting.
extension Loader {
  /// The load of a flight begins. False if nobody wants it any more.
  func beginTime(of flight: Flight<Key, Value>, _ tookTooLong: @escaping @Sendable () -> Void) -> Bool {
    let (isWanted, isWatchMissing) = state.withLock { state in
      guard flight.result == nil else { return (false, false) }
      flight.tookTooLong = tookTooLong
      return (true, startTime(of: flight, &state))
    }
    if isWatchMissing { watchTime() }
    return isWanted
  }

  /// A task is going to wait for a flight. What a thread makes has no time limit until then: threads that wait look at the time themselves. Returns whether
  /// `watchTime` is to be called, without the lock.
  func limitTime(of flight: Flight<Key, Value>, _ state: inout State) -> Bool {
    guard flight.kind == .making, case .outside = flight.place else { return false }
    return startTime(of: flight, &state)
  }

  /// The same for any flight.
  private func startTime(of flight: Flight<Key, Value>, _ state: inout State) -> Bool {
    guard settings.timeout != nil else { return false }
    state.timed.append(flight, begin: .now)
    defer { state.timed.isWatched = true }
    return !state.timed.isWatched
  }

  /// Sleeps until the first flight's time is over, and so on until none is left.
  ///
  /// Looks now and then whether there is anything to wait for, at first soon: most loads take milliseconds, and a sleep of a minute would stay behind, with two
  /// kilobytes, of each cache that lived as long as a request.
  func watchTime() {
    guard let limit = settings.timeout?.reckonable else { return }
    Task.detached { [weak self] in
      var pause: Duration? = limit
      var step = Duration.milliseconds(50)
      while let length = pause {
        try? await Task.sleep(for: min(max(length, .milliseconds(1)), step))
        step = min(step * 2, .seconds(60))
        pause = self?.endOverdue(limit)
      }
    }
  }

  /// Ends the flights whose time is over. Returns for how long nothing more is to be done; nil: until a load begins.
  private func endOverdue(_ limit: Duration) -> Duration? {
    while true {
      let now = ContinuousClock.now
      let (flight, tookTooLong, pause) = state.withLock {
        state -> (Flight<Key, Value>?, (@Sendable () -> Void)?, Duration?) in
        guard let first = state.timed.first else {
          state.timed.isWatched = false
          return (nil, nil, nil)
        }
        let left = now.duration(to: first.begin + limit)
        guard left <= .zero else { return (nil, nil, left) }
        state.timed.remove(first)
        return (first, first.tookTooLong, nil)
      }
      guard let flight else { return pause }
      tookTooLong?()
      let error = LocalCacheError.loadTimedOut(cache: cache, key: flight.description, after: limit)
      if let task = finish(flight, .failure(error), limit) { task.cancel() }
    }
  }
}
