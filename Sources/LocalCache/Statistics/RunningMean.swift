/// Mean and spread of the last some hundred of a stream of numbers (Welford, 1962).
struct RunningMean: Sendable {
  private static let memory = 1024

  private(set) var count = 0
  private(set) var mean = 0.0
  private var squares = 0.0

  mutating func add(_ value: Double) {
    if count == Self.memory {
      count /= 2
      squares /= 2
    }
    count += 1
    let delta = value - mean
    mean += delta / Double(count)
    squares += delta * (value - mean)
  }

  /// Of the mean.
  var standardError: Double {
    count > 1 ? (squares / Double(count - 1) / Double(count)).squareRoot() : 0
  }

  /// Whether the mean can stand for a further number: after 64 of them, and as long as it is known to 2 %.
  var isKnown: Bool { count >= 64 && standardError <= mean * 0.02 }
}
