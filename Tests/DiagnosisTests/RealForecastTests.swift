import Diagnosis
import Foundation
import ProcessImage
import TestSupport
import Testing
import Timeline

/// Programs are watched for a part of their run; what is foretold is held against what they then do.
struct RealForecastTests {
  private static let programs = [
    "cycle", "cache", "strings", "native", "native-leak", "mappings", "shared", "per-user", "registries", "slices",
    "weak-boxes", "stream",
  ]
  private static let turns = 120

  /// Samples of a program that is only looked at from outside, a second a turn.
  private static func run(_ name: String) throws -> [Sample] {
    let program = try SteppedProgram(try TestProgram.path("causes", CorpusTests.build), [name])
    for _ in 0..<4 { _ = try program.turn() }
    var recorder = Recorder(.pid(program.pid), readingShare: 1)
    return try (0..<turns).map { turn in
      _ = try program.turn()
      let clock = 1_700_000_000_000_000_000 + UInt64(turn) * 1_000_000_000
      let sample = try #require(recorder.tick(.init(wall: clock, monotonic: clock, boot: clock)).sample)
      return Sample(time: sample.time, [.rss: sample[.rss] ?? 0])
    }
  }

  /// The 90 % interval must hold the moment at which a level was really reached in at least 80 % of forecasts.
  @Test func intervalsHoldWhatReallyHappens() throws {
    var (held, said) = (0, 0)
    var missed: [String] = []
    for name in Self.programs {
      let samples = try Self.run(name)
      for (seen, goal) in [(30, 60), (30, 110), (50, 80), (50, 115), (70, 110)] {
        let limit = samples[goal][.rss] ?? 0
        guard let reached = samples.firstIndex(where: { ($0[.rss] ?? 0) >= limit }), reached > seen else { continue }
        let report = Weighing.verdict(Evidence(lives: [Array(samples[..<seen])], limit: limit))
        guard let forecast = report.forecast, forecast.outcome == .reaches, let earliest = forecast.earliest else {
          missed.append("\(name) \(seen): \(report.trend.pattern), \(report.trend.probability)")
          said += 1
          continue
        }
        said += 1
        // It was reached at some moment between two samples.
        let truth = Double(reached - (seen - 1))
        if earliest <= truth && truth - 1 <= forecast.latest ?? .infinity {
          held += 1
        } else {
          missed.append("\(name) \(seen): \(truth) not in \(earliest) ... \(forecast.latest ?? .infinity)")
        }
      }
    }
    #expect(said >= 40, "only \(said) forecasts")
    #expect(Double(held) >= 0.8 * Double(said), "\(held) of \(said): \(missed)")
  }
}
