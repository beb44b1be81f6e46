/// Times between misses and the writes of the same keys: what loads take where the cache does not run them itself.
struct LoadTimer {
  private static let places = 16
  private var pending = [(key: UInt32, begin: ContinuousClock.Instant)?]()
  private var times = RunningMean()
  private var misses = 0

  /// A miss. One in eight is timed as soon as there are some times, because reading the clock takes as long as the note.
  mutating func missed(_ key: UInt32) {
    misses &+= 1
    guard times.count < 64 || misses & 7 == 0 else { return forget(key) }
    if pending.isEmpty { pending = Array(repeating: nil, count: Self.places) }
    pending[Int(key) % Self.places] = (key, .now)
  }

  /// Nothing was stored after an earlier miss of the key: the time until then is none of a load.
  private mutating func forget(_ key: UInt32) {
    guard !pending.isEmpty, pending[Int(key) % Self.places]?.key == key else { return }
    pending[Int(key) % Self.places] = nil
  }

  mutating func stored(_ key: UInt32) {
    guard !pending.isEmpty, let load = pending[Int(key) % Self.places], load.key == key else { return }
    pending[Int(key) % Self.places] = nil
    times.add((ContinuousClock.now - load.begin).secondsAsDouble * 1e9)
  }

  var mean: Duration? { times.count > 0 ? .nanoseconds(Int64(times.mean)) : nil }
}
