import Glibc

/// User ids as a function of the request's number: the same for every run, however threads take turns.
struct IDs: Sendable {
  private let distribution: Distribution
  private let users: Int
  private let exponent: Double
  private let seed: UInt64

  init(_ distribution: Distribution, users: Int, exponent: Double, seed: UInt64) {
    self.distribution = distribution
    self.users = users
    self.exponent = exponent
    self.seed = seed
  }

  func id(of number: Int) -> Int {
    let random = Self.mix(seed &* 0x9e37_79b9_7f4a_7c15 &+ UInt64(number))
    switch distribution {
    case .uniform: return Int(random % UInt64(users))
    case .zipf: return zipf(Double(random >> 11) / Double(1 << 53))
    }
  }

  /// By inversion of the continuous distribution with density x^-s on 1 ... n + 1: near enough to Zipf's for load.
  private func zipf(_ uniform: Double) -> Int {
    let top = Double(users) + 1
    let value: Double
    if abs(exponent - 1) < 1e-9 {
      value = exp(uniform * log(top))
    } else {
      let power = 1 - exponent
      value = pow(uniform * (pow(top, power) - 1) + 1, 1 / power)
    }
    return min(max(Int(value), 1), users) - 1
  }

  /// The finaliser of SplitMix64 (S. Vigna, public domain).
  private static func mix(_ value: UInt64) -> UInt64 {
    var value = value
    value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
    return value ^ value >> 31
  }
}
