/// Times between misses and the writes of the same keys: what loads take that the cache does not run itself, and how many of all loads these are.
///
/// Some are timed at once, each in a place of its own until it ends: which those are must not depend on how long they take. Where a later miss took the place of an
/// earlier one, and hundreds were on their way, only short ones would be seen to end.
struct LoadTimer {
  private static let places = 16
  /// After so long, and so many times the mean, a miss that no write followed gives its place to another one.
  private static let patience = (unknown: Duration.seconds(10), least: Duration.milliseconds(100), means: 16)
  private static let fewestTimes = 16
  private var pending = [(key: UInt32, begin: ContinuousClock.Instant)?]()
  /// Of loads that the program ran.
  private var times = RunningMean()
  /// 1 for each of the last loads that the cache ran, 0 for each that the program did.
  private var shares = RunningMean()
  private var misses = 0

  /// A miss. One in eight is timed as soon as there are some times, because reading the clock takes as long as the note.
  mutating func missed(_ key: UInt32, at now: @autoclosure () -> ContinuousClock.Instant = .now) {
    misses &+= 1
    guard shares.count < 64 || misses & 7 == 0 else { return forget(key) }
    if pending.isEmpty { pending = Array(repeating: nil, count: Self.places) }
    let now = now()
    if let other = pending[Int(key) % Self.places], other.key != key, now - other.begin < patience { return }
    pending[Int(key) % Self.places] = (key, now)
  }

  private var patience: Duration {
    guard times.count >= Self.fewestTimes else { return Self.patience.unknown }
    return max(Self.patience.least, .nanoseconds(Int64(min(times.mean, 1e15))) * Self.patience.means)
  }

  /// Nothing was stored after an earlier miss of the key: the time until then is none of a load.
  private mutating func forget(_ key: UInt32) {
    guard !pending.isEmpty, pending[Int(key) % Self.places]?.key == key else { return }
    pending[Int(key) % Self.places] = nil
  }

  /// Nothing is noted for a while: the write that ends a load may not be seen, and a later one would seem to.
  mutating func rest() { pending = [] }

  /// - Parameter isOwn: whether the cache ran the load. It knows then, better than this, how long that took.
  mutating func stored(_ key: UInt32, isOwn: Bool = false, at now: @autoclosure () -> ContinuousClock.Instant = .now) {
    guard !pending.isEmpty, let load = pending[Int(key) % Self.places], load.key == key else { return }
    pending[Int(key) % Self.places] = nil
    shares.add(isOwn ? 1 : 0)
    if !isOwn { times.add((now() - load.begin).secondsAsDouble * 1e9) }
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
