/// Times between misses and the writes of the same keys: what loads take that the cache does not run itself, and how many of all loads these are.
///
/// Some are timed at once, each in a place of its own until it ends: which those are must not depend on how long they take. Where a later miss took the place of an
/// earlier one, and hundreds were on their way, only short ones would be seen to end.
struct LoadTimer {
  private static let places = 16
  /// After so long, and so many times the mean, a miss that no write followed gives its place to another one.
  private static let patience = (unknown: Duration.seconds(10), least: Duration.milliseconds(100), means: 16)
  private static let fewestTimes = 16
  private var pending: [Pending] = []
  /// When a miss was, in nanoseconds since `origin`: an `Instant` takes twice as much, and a cache of some hundred entries has these sixteen too.
  private struct Pending {
    static let none = Pending(key: 0, begin: .min)
    var key: UInt32
    var begin: Int64
    func isOf(_ key: UInt32) -> Bool { begin != .min && self.key == key }
  }
  private static let origin = ContinuousClock.now
  /// Of loads that the program ran.
  private var times = RunningMean()
  /// 1 for each of the last loads that the cache ran, 0 for each that the program did.
  private var shares = RunningMean()
  private var misses = 0

  /// A miss. One in eight is timed as soon as there are some times, because reading the clock takes as long as the note.
  mutating func missed(_ key: UInt32, at now: @autoclosure () -> ContinuousClock.Instant = .now) {
    misses &+= 1
    guard shares.count < 64 || misses & 7 == 0 else { return forget(key) }
    if pending.isEmpty { pending = Array(repeating: .none, count: Self.places) }
    let now = Self.nanoseconds(now())
    let other = pending[Int(key) % Self.places]
    if other.begin != .min, other.key != key, Double(now - other.begin) < patience { return }
    pending[Int(key) % Self.places] = Pending(key: key, begin: now)
  }

  private static func nanoseconds(_ instant: ContinuousClock.Instant) -> Int64 {
    let (seconds, attoseconds) = (instant - origin).components
    // As far as nearly three centuries.
    return min(max(seconds, -9_000_000_000), 9_000_000_000) * 1_000_000_000 + attoseconds / 1_000_000_000
  }

  /// In nanoseconds.
  private var patience: Double {
    guard times.count >= Self.fewestTimes else { return Self.patience.unknown.secondsAsDouble * 1e9 }
    return max(Self.patience.least.secondsAsDouble * 1e9, times.mean * Double(Self.patience.means))
  }

  /// Nothing was stored after an earlier miss of the key: the time until then is none of a load.
  private mutating func forget(_ key: UInt32) {
    guard !pending.isEmpty, pending[Int(key) % Self.places].isOf(key) else { return }
    pending[Int(key) % Self.places] = .none
  }

  /// Nothing is noted for a while: the write that ends a load may not be seen, and a later one would seem to.
  mutating func rest() { pending = [] }

  /// - Parameter isOwn: whether the cache ran the load. It knows then, better than this, how long that took.
  mutating func stored(_ key: UInt32, isOwn: Bool = false, at now: @autoclosure () -> ContinuousClock.Instant = .now) {
    guard !pending.isEmpty else { return }
    let load = pending[Int(key) % Self.places]
    guard load.isOf(key) else { return }
    pending[Int(key) % Self.places] = .none
    shares.add(isOwn ? 1 : 0)
    if !isOwn { times.add(Double(Self.nanoseconds(now()) - load.begin)) }
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
