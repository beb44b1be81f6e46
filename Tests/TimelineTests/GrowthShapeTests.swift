import Foundation
import TestSupport
import Testing

@testable import Timeline

private let mib = 1_048_576.0

/// Shapes that a straight line does not fit.
struct GrowthShapeTests {
  @Test func signsOfStepsAreABinomial() {
    #expect(DifferenceSigns(blocks: [[1, 2, 3, 4, 5]]).probabilityOfRise == 1.0 / 16)
    let mixed = DifferenceSigns(blocks: [[1, 2, 2, 1, 3]])
    #expect(mixed.up == 2 && mixed.down == 1)
    #expect(abs(mixed.probabilityOfRise - 0.5) < 1e-12)
    #expect(DifferenceSigns(blocks: []).probabilityOfRise == 1)
    #expect(DifferenceSigns(blocks: [[5, 5, 5]]).probabilityOfFall == 1)
  }

  /// Growth that gains speed, and growth in the steps of an allocator that takes memory by the megabyte.
  @Test(arguments: 1...20) func curvedAndSteppedGrowthIsSeen(seed: Int) {
    var source = Synthetic(UInt64(seed) + 300)
    let curved = source.series(48) { time, source in 20 * mib + time * time * mib / 20 + source.normal() * mib / 20 }
    let test = GrowthTest([curved], material: mib)
    #expect(test.pattern == .growing, "\(test)")
    #expect(test.bend > 1.5)
    let stepped = source.series(300) { time, source in
      20 * mib + (time / 15).rounded(.down) * 2 * mib + source.normal() * mib / 100
    }
    #expect(GrowthTest([stepped], material: mib).pattern == .growing)
  }

  /// Few lowest levels on a curve: a test against a line takes it for a swing, and there are too few steps for signs. Not steady, all the same.
  @Test(arguments: [18, 20, 22, 24]) func fewLevelsThatRiseAreNotSteady(count: Int) {
    let shapes: [(Double) -> Double] = [{ $0 * $0 }, { $0.squareRoot() }, { ($0 * 4).rounded(.down) / 4 }]
    for (index, shape) in shapes.enumerated() {
      var source = Synthetic(UInt64(count + index))
      let series = source.series(count) { time, source in
        (359 + 132 * shape(time / Double(count - 1))) * mib + source.normal() * mib / 10
      }
      let test = GrowthTest([series], material: 5 * mib)
      #expect(test.pattern == .undecided || test.pattern == .growing, "\(index): \(test)")
      #expect(test.floor - test.firstFloor > 90 * mib && test.risenSteps >= 2 && test.steps >= 3, "\(test)")
    }
  }

  /// What stays is called steady, or has too short a rhythm; a rise of a few units of noise is no reason not to.
  @Test func noiseIsNotUndecidedForItsRanks() {
    var undecided = 0
    for seed in 0..<300 {
      var source = Synthetic(UInt64(seed) + 9000)
      let series = source.series(300) { _, source in 400 * mib + source.normal() * 4 * mib }
      if GrowthTest([series], material: 4 * mib).pattern == .undecided { undecided += 1 }
    }
    #expect(undecided <= 6, "\(undecided) of 300")
  }

  /// A walk without drift is no growth more often than the test says it may be.
  @Test func aWalkIsNoGrowth() {
    var growing = 0
    for seed in 0..<300 {
      var source = Synthetic(UInt64(seed) + 5000)
      var level = 500 * mib
      let series = source.series(300) { _, source in
        level += source.normal() * mib
        return level
      }
      if GrowthTest([series], material: 5 * mib).pattern == .growing { growing += 1 }
    }
    #expect(growing <= 12, "\(growing) of 300")
  }
}
