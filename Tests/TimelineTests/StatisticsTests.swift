import Foundation
import TestSupport
import Testing

@testable import Timeline

/// Series whose truth is known, with seeds: the tests hold for every seed that is listed, not on average of luck.
struct Synthetic {
  var generator: SeededGenerator

  init(_ seed: UInt64) { generator = SeededGenerator(seed: seed &* 0x9e37_79b9) }

  /// Standard normal, by Box and Muller.
  mutating func normal() -> Double {
    let u = Double.random(in: 1e-12..<1, using: &generator)
    let v = Double.random(in: 0..<1, using: &generator)
    return (-2 * log(u)).squareRoot() * cos(2 * .pi * v)
  }

  mutating func series(_ count: Int, step: Double = 1, start: Double = 0, _ level: (Double, inout Synthetic) -> Double)
    -> Series
  {
    var result = Series()
    for index in 0..<count {
      let time = start + Double(index) * step
      result.append(time, level(time, &self))
    }
    return result
  }
}

private let mib = 1_048_576.0

struct StatisticsTests {
  @Test func mannKendallOfKnownSeries() {
    // Gilbert, "Statistical Methods for Environmental Pollution Monitoring" (1987): S of a strictly rising series is n(n-1)/2, its
    // variance n(n-1)(2n+5)/18.
    let rising = MannKendall((0..<10).map(Double.init))
    #expect(rising.score == 45 && rising.variance == 125)
    #expect(abs(rising.z - 44 / 125.0.squareRoot()) < 1e-12)
    let tied = MannKendall([1, 1, 1, 1, 1])
    #expect(tied.score == 0 && tied.z == 0)
    #expect(abs(Normal.upperTail(1.645) - 0.05) < 2e-4 && abs(Normal.upperTail(-1.96) - 0.975) < 2e-4)
    #expect(MannKendall([]).z == 0 && MannKendall([1]).z == 0)
  }

  @Test func theilSenIgnoresWildValues() throws {
    var points = (0..<30).map { (time: Double($0), value: 3 * Double($0) + 5) }
    for index in [3, 11, 17, 25] { points[index].value += 1e6 }
    let test = MannKendall(points.map(\.value))
    let line = try #require(TheilSen(blocks: [points], test: test))
    #expect(abs(line.slope - 3) < 1e-9)
    #expect(line.low <= 3 && line.high >= 3)
  }

  /// Noise that remembers (first order autoregression) is not taken for a trend more often than the test says.
  @Test func autocorrelatedNoiseIsNoGrowth() {
    for memory in [0.0, 0.5, 0.8] {
      var growing = 0
      for seed in 0..<200 {
        var source = Synthetic(UInt64(seed) + 1)
        var state = 0.0
        let series = source.series(300) { _, source in
          state = memory * state + source.normal()
          return 500 * mib + state * 2 * mib
        }
        if GrowthTest([series], material: mib).pattern == .growing { growing += 1 }
      }
      #expect(growing <= 6, "memory \(memory): \(growing) of 200")
    }
  }

  @Test(arguments: 1...20) func aSawtoothIsSteadyAndOneOnALeakGrows(seed: Int) {
    var source = Synthetic(UInt64(seed))
    let period = Double.random(in: 11...40, using: &source.generator)
    func tooth(_ time: Double) -> Double { time.truncatingRemainder(dividingBy: period) / period * 60 * mib }
    let flat = source.series(300) { time, source in 200 * mib + tooth(time) + source.normal() * mib / 2 }
    let pattern = GrowthTest([flat], material: 2 * mib).pattern
    #expect(pattern != .growing && pattern != .levelledOff, "period \(period)")
    let leak = source.series(300) { time, source in 200 * mib + tooth(time) + time * mib / 4 + source.normal() * mib / 2
    }
    let growth = GrowthTest([leak], material: 2 * mib)
    #expect(growth.pattern == .growing, "period \(period)")
    #expect(abs(growth.slope.slope - mib / 4) < mib / 16, "period \(period): \(growth.slope.slope / mib)")
  }

  @Test(arguments: 1...20) func aWarmUpHasLevelledOff(seed: Int) {
    var source = Synthetic(UInt64(seed) + 100)
    let time = Double.random(in: 10...60, using: &source.generator)
    let series = source.series(300) { now, source in 300 * mib * (1 - exp(-now / time)) + source.normal() * mib }
    #expect(GrowthTest([series], material: 2 * mib).pattern == .levelledOff, "time constant \(time)")
    let step = source.series(300) { now, source in (now < 30 ? 100 : 250) * mib + source.normal() * mib / 2 }
    #expect(GrowthTest([step], material: 2 * mib).pattern == .levelledOff)
  }

  /// A day's rhythm, restarts in between, and a plateau at night: steady without a leak, growing with one.
  @Test(arguments: 1...8) func daysAndRestarts(seed: Int) {
    var source = Synthetic(UInt64(seed) + 200)
    let hour = 3600.0
    func rhythm(_ time: Double) -> Double { max(0, sin(2 * .pi * time / (24 * hour))) * 400 * mib }
    func lives(_ leak: Double) -> [Series] {
      [(0.0, 5), (5, 6), (11, 5)].map { first, days in
        source.series(days * 144, step: 600, start: first * 24 * hour) { time, source in
          600 * mib + rhythm(time) + (time - first * 24 * hour) * leak + source.normal() * 4 * mib
        }
      }
    }
    let steady = GrowthTest(lives(0), material: 10 * mib)
    #expect(steady.pattern == .steady || steady.pattern == .falling, "\(steady)")
    #expect(abs((steady.period ?? 0) - 24 * hour) < 2 * hour)
    let growing = GrowthTest(lives(50 * mib / (24 * hour)), material: 10 * mib)
    #expect(growing.pattern == .growing, "\(growing)")
    #expect(abs(growing.slope.slope * 24 * hour / mib - 50) < 15)
  }

  @Test func loadIsToldFromGrowth() throws {
    var source = Synthetic(7)
    // Traffic goes up and down at random; memory is what is in flight.
    var traffic = 100.0
    let load = source.series(300) { _, source in
      traffic = max(traffic + source.normal() * 15, 10)
      return traffic
    }
    let flat = Series(zip(load.times, load.values).map { ($0, 200 * mib + $1 * mib / 2 + source.normal() * mib) })
    let model = try #require(LoadModel(memory: flat, load: load))
    #expect(abs(model.weight - mib / 2) < mib / 8 && model.correlation > 0.8)
    #expect(GrowthTest([model.withoutLoad(memory: flat, load: load)], material: 4 * mib).pattern == .steady)
    let leak = Series(zip(flat.times, flat.values).map { ($0, $1 + $0 * mib / 2) })
    let other = try #require(LoadModel(memory: leak, load: load))
    #expect(GrowthTest([other.withoutLoad(memory: leak, load: load)], material: 4 * mib).pattern == .growing)
  }

  /// The 90 % interval holds the truth in at least 80 % of runs: lines with noise, walks with drift, leaks in bursts.
  @Test(arguments: ["line", "walk", "bursts", "sawtooth"]) func forecastsHoldTheTruth(kind: String) {
    var (held, said) = (0, 0)
    for seed in 0..<100 {
      var source = Synthetic(UInt64(seed) + 1000)
      let rate = Double.random(in: 0.2...2, using: &source.generator) * mib
      let limit = 200 * mib + rate * Double.random(in: 600...3000, using: &source.generator)
      var walk = 0.0
      let future = source.series(20_000) { time, source in
        switch kind {
        case "line": return 200 * mib + rate * time + source.normal() * 3 * mib
        case "walk":
          walk += rate + source.normal() * rate * 2
          return 200 * mib + walk
        case "bursts":
          if Double.random(in: 0..<1, using: &source.generator) < 0.1 { walk += rate * 10 }
          return 200 * mib + walk
        default: return 200 * mib + rate * time + time.truncatingRemainder(dividingBy: 17) * mib
        }
      }
      let seen = Series(zip(future.times, future.values).prefix(300))
      let growth = GrowthTest([seen], material: mib)
      guard let truth = zip(future.times, future.values).first(where: { $1 >= limit })?.0, truth > 300 else { continue }
      let forecast = Forecast(growth, limit: limit)
      guard forecast.outcome == .reaches, let earliest = forecast.earliest else { continue }
      said += 1
      let remaining = truth - 299
      if earliest <= remaining && remaining <= forecast.latest ?? .infinity { held += 1 }
    }
    #expect(said >= 80, "\(kind): only \(said) forecasts")
    #expect(Double(held) >= 0.8 * Double(said), "\(kind): \(held) of \(said)")
  }

  @Test func forecastsOfNothing() {
    var source = Synthetic(3)
    let flat = source.series(300) { _, source in 100 * mib + source.normal() * mib }
    let growth = GrowthTest([flat], material: 2 * mib)
    #expect(Forecast(growth, limit: 200 * mib).outcome == .never)
    #expect(Forecast(growth, limit: 50 * mib).outcome == .reached)
  }

  @Test func oddSeriesDoNotTrap() {
    for series in [
      Series(), Series([(0, 1)]), Series([(0, 1), (0, 2), (-1, 3)]), Series([(0, .nan), (1, .infinity)]),
      Series((0..<100).map { (Double($0), 5) }), Series((0..<10).map { (Double($0) * 1e12, Double($0)) }),
    ] {
      let growth = GrowthTest([series, Series()], material: 1)
      #expect(growth.pattern != .growing || series.count == 10)
      _ = Forecast(growth, limit: 10)
      _ = LoadModel(memory: series, load: series)
      _ = series.epochs(0) { $0[0] }
      _ = series.rates
    }
    #expect(GrowthTest([], material: 0).pattern == .undecided)
  }
}
