/// Times between misses and the writes of the same keys: what loads take that the cache does not run itself, and how many of all loads these are.
struct LoadTimer {
  private static let places = 16
  private var pending = [(key: UInt32, begin: ContinuousClock.Instant)?]()
  /// Of loads that the program ran.
  private var times = RunningMean()
  /// 1 for each of the last loads that the cache ran, 0 for each that the program did.
  private var shares = RunningMean()
  private var misses = 0

  /// A miss. One in eight is timed as soon as there are some times, because reading the clock takes as long as the note.
  mutating func missed(_ key: UInt32) {
    misses &+= 1
    guard shares.count < 64 || misses & 7 == 0 else { return forget(key) }
    if pending.isEmpty { pending = Array(repeating: nil, count: Self.places) }
    pending[Int(key) % Self.places] = (key, .now)
  }

  /// Nothing was stored after an earlier miss of the key: the time until then is none of a load.
  private mutating func forget(_ key: UInt32) {
    guard !pending.isEmpty, pending[Int(key) % Self.places]?.key == key else { return }
    pending[Int(key) % Self.places] = nil
  }

  /// Nothing is noted for a while: the write that ends a load may not be seen, and a later one would seem to.
  mutating func rest() { pending = [] }

  /// - Parameter isOwn: whether the cache ran the load. It knows then, better than this, how long that took.
  mutating func stored(_ key: UInt32, isOwn: Bool = false) {
    guard !pending.isEmpty, let load = pending[Int(key) % Self.places], load.key == key else { return }
    pending[Int(key) % Self.places] = nil
    shares.add(isOwn ? 1 : 0)
    if !isOwn { times.add((ContinuousClock.now - load.begin).secondsAsDouble * 1e9) }
  }

  /// Mean time of a load of the program, as far as any was timed.
  var mean: Duration? { times.count > 0 ? .nanoseconds(Int64(times.mean)) : nil }

  /// Mean time of a load, whoever ran it.
  ///
  /// - Parameter own: the mean of those that the cache ran; nil where it ran none.
  func mean(own: Duration?) -> Duration? {
    guard let own, let mean else { return own ?? mean }
    return own * shares.mean + mean * (1 - shares.mean)
  }
}
