/// SplitMix64: a small generator with a seed, so that a failing fuzz run can be repeated (Steele, Lea, Flood 2014).
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64
  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }
}

/// Damages bytes for fuzz tests.
public enum Mutation {
  private static let boundaries: [UInt64] = [
    0, 1, 7, 8, 0x7f, 0x80, 0xff, 0xfff, 0x1000, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
    0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, 0xffff_ffff_ffff_f000, 0xffff_ffff_ffff_ffff,
  ]

  /// A damaged copy: a few bit flips, boundary values of 1 to 8 bytes, copied ranges, or a cut.
  ///
  /// - Parameter hot: ranges where damage does the most (headers); half of it goes there.
  public static func damaged(_ bytes: [UInt8], hot: [Range<Int>] = [], using generator: inout SeededGenerator)
    -> [UInt8]
  {
    var result = bytes
    guard !result.isEmpty else { return result }
    for _ in 0..<Int.random(in: 1...8, using: &generator) {
      var range = result.indices
      if Bool.random(using: &generator), let chosen = hot.randomElement(using: &generator) {
        range = chosen.clamped(to: range)
        if range.isEmpty { range = result.indices }
      }
      let at = Int.random(in: range, using: &generator)
      switch Int.random(in: 0..<10, using: &generator) {
      case 0..<3: result[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 3..<7:
        let value = boundaries[Int.random(in: 0..<boundaries.count, using: &generator)]
        let width = [1, 2, 4, 8][Int.random(in: 0..<4, using: &generator)]
        for index in 0..<width where at + index < result.count {
          result[at + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
        }
      case 7..<9:
        let count = min(Int.random(in: 1...64, using: &generator), result.count - at)
        let source = Int.random(in: 0...(result.count - count), using: &generator)
        for index in 0..<count { result[at + index] = bytes[min(source + index, bytes.count - 1)] }
      default:
        if Int.random(in: 0..<4, using: &generator) == 0 { result.removeLast(result.count - at) }
        if result.isEmpty { return result }
      }
    }
    return result
  }

  /// Calls `body` with fresh damage until `seconds` have passed or `rounds` are done, at least a tenth of them however slow the
  /// machine is; returns the number of rounds.
  public static func rounds(
    _ rounds: Int, seconds: Double, seed: UInt64 = 1, _ body: (inout SeededGenerator) throws -> Void
  ) rethrows -> Int {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    var generator = SeededGenerator(seed: seed)
    var done = 0
    while done < rounds, done <= rounds / 10 || clock.now < end {
      try body(&generator)
      done += 1
    }
    return done
  }
}
