import Testing
import Timeline

@testable import Diagnosis

/// A service that is restarted again and again while it is watched.
struct SeveralLivesTests {
  private static let mib = 1_048_576.0

  /// What grew in all lives is divided by the time of all lives.
  @Test(arguments: [1, 2, 5]) func theRateIsThatOfEachLife(lives: Int) throws {
    let watched = (0..<lives).map { life in
      var samples = RuleTests.samples { time, sample in sample[.rss] = (100 + time) * Self.mib }
      for index in samples.indices { samples[index].time += Int64(life) * 70_000 }
      return samples
    }
    let verdict = Weighing.verdict(Evidence(lives: watched))
    let rate = try #require(verdict.findings.first?.growthPerHour)
    #expect(abs(rate - 3600 * Self.mib) < 0.05 * 3600 * Self.mib, "\(verdict.sentence)")
  }
}
