import Foundation
import TestSupport
import Testing

@testable import Timeline

private let mib = 1_048_576.0

/// What has a rhythm and is looked at each second: its lowest instants lie between the samples, later and later after them and then early again.
struct RhythmTests {
  /// Shapes from 0 to 1 over a period.
  private static let shapes: [(name: String, level: @Sendable (Double) -> Double)] = [
    ("sawtooth", { $0 }), ("triangle", { $0 < 0.5 ? 2 * $0 : 2 - 2 * $0 }), ("batches", { $0 < 0.3 ? 1 : 0 }),
  ]

  /// Of 2,000 watches of things that do not grow, with a leak or without.
  private static func patterns(
    seconds: Int, periods: ClosedRange<Double>, leak: Double = 0
  ) -> [String: [GrowthTest.Pattern: Int]] {
    var result: [String: [GrowthTest.Pattern: Int]] = [:]
    for (name, level) in shapes {
      var source = Synthetic(UInt64(seconds) &+ UInt64(periods.lowerBound * 10))
      for _ in 0..<300 {
        let period = Double.random(in: periods, using: &source.generator)
        let phase = Double.random(in: 0..<1, using: &source.generator)
        let series = source.series(seconds, step: 1.001) { time, _ in
          let turn = time / period + phase
          return (20 + 40 * level(turn - turn.rounded(.down)) + leak * time) * mib
        }
        result[name, default: [:]][GrowthTest([series], material: mib).pattern, default: 0] += 1
      }
    }
    return result
  }

  /// One of a hundred watches may be wrong by chance; of 300 that are 3, and 12 are five standard deviations more.
  @Test(arguments: [80, 300], [3.0...6.0, 6.0...12.0]) func aRhythmIsNoTrend(seconds: Int, periods: ClosedRange<Double>)
  {
    for (name, patterns) in Self.patterns(seconds: seconds, periods: periods) {
      #expect(patterns[.growing, default: 0] <= 12, "\(name): \(patterns)")
      #expect(patterns[.falling, default: 0] <= 12, "\(name): \(patterns)")
    }
  }

  /// 80 MiB in five minutes under a rhythm of 40 MiB.
  @Test(arguments: [3.0...6.0, 6.0...12.0]) func aLeakBelowARhythmIsSeen(periods: ClosedRange<Double>) {
    for (name, patterns) in Self.patterns(seconds: 300, periods: periods, leak: 80.0 / 300) {
      #expect(patterns[.growing, default: 0] >= 290, "\(name): \(patterns)")
    }
  }

  /// Less than two turns are no rhythm yet. What fell back while it was watched is not called growth for all its steps up.
  @Test func aSlowSawtoothIsNotGrowthForItsStepsUp() {
    var growing = 0
    var source = Synthetic(77)
    for _ in 0..<300 {
      let period = Double.random(in: 12...25, using: &source.generator)
      let phase = Double.random(in: 0..<1, using: &source.generator)
      let series = source.series(40, step: 0.75) { time, _ in
        let turn = time / period + phase
        return (20 + 40 * (turn - turn.rounded(.down))) * mib
      }
      if GrowthTest([series], material: mib).pattern == .growing { growing += 1 }
    }
    #expect(growing <= 12, "\(growing) of 300")
  }
}
