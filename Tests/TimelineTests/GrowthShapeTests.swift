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
