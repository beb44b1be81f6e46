import TestSupport
import Testing

@testable import SamplerTable

@Suite(.serialized) struct EstimateTests {
  @Test func oneByteEqualsTheTruth() throws {
    let run = try SamplerRun(interval: 1)
    let places = KnownPlace.parse(try run.run(try KnownProgram.path(), ["totals", "2"]).output)
    let table = try run.read()
    #expect(places.count == 4)
    for place in places {
      let sites = place.sites(table)
      #expect(sites.reduce(0) { $0 + $1.allocatedCount.value } == place.count, "\(place.name)")
      #expect(sites.reduce(0) { $0 + $1.allocatedBytes.value } == place.bytes, "\(place.name)")
      #expect(sites.reduce(0) { $0 + $1.inUseCount.value } == place.liveCount, "\(place.name)")
      #expect(sites.reduce(0) { $0 + $1.inUseBytes.value } == place.liveBytes, "\(place.name)")
      #expect(sites.allSatisfy { $0.allocatedBytes.variance == 0 && $0.inUseBytes.variance == 0 })
      let freed = sites.reduce(0) { $0 + $1.freedBytes }
      #expect(freed == place.bytes - place.liveBytes)
    }
    #expect(table.damage.isEmpty)
    #expect(table.header.state == .exited)
    #expect(table.header.lostBlocks == 0 && table.header.lostSites == 0)
  }

  /// Over 30 runs the error bar must hold the truth as often as it says, and the estimates must lie on both sides of it.
  @Test func estimatesAreUnbiasedWithinTheirErrorBars() throws {
    let program = try KnownProgram.path()
    var inside = 0
    var all = 0
    var scores: [Double] = []
    for seed in 1...30 {
      let run = try SamplerRun(interval: 16384, seed: UInt64(seed * 7919))
      let places = KnownPlace.parse(try run.run(program, ["totals", "4"]).output)
      let table = try run.read()
      for place in places {
        let sites = place.sites(table)
        let checks = [
          (sites.reduce(Estimate()) { $0 + $1.allocatedBytes }, place.bytes),
          (sites.reduce(Estimate()) { $0 + $1.inUseBytes }, place.liveBytes),
        ]
        for (estimate, truth) in checks where truth > 0 {
          // With very few samples the bar itself is an estimate that may be off.
          guard estimate.standardError > 0 else { continue }
          all += 1
          if abs(estimate.value - truth) <= estimate.margin { inside += 1 }
          scores.append((estimate.value - truth) / estimate.standardError)
        }
      }
    }
    try #require(all > 150)
    // 95 % are expected; 89 % is four standard deviations of the binomial below it.
    #expect(Double(inside) / Double(all) > 0.89, "\(inside) of \(all)")
    let mean = scores.reduce(0, +) / Double(scores.count)
    #expect(abs(mean) < 4 / Double(scores.count).squareRoot() * 1.5, "the mean score is \(mean) over \(scores.count)")
  }

  /// More sampled blocks live than the table holds: the interval rises, and what is in use stays true within its error.
  @Test func aFullTableIsThinnedWithoutBias() throws {
    let run = try SamplerRun(interval: 1, tableSize: 1 << 20)
    let places = KnownPlace.parse(try run.run(try KnownProgram.path(), ["totals", "10"]).output)
    let table = try run.read()
    #expect(table.header.thinnings > 0)
    #expect(table.header.interval > 1)
    #expect(table.header.lostBlocks == 0)
    for place in places where place.liveBytes > 0 {
      let estimate = place.sites(table).reduce(Estimate()) { $0 + $1.inUseBytes }
      #expect(abs(estimate.value - place.liveBytes) <= 4 * estimate.standardError + 1, "\(place.name)")
    }
  }

  @Test func lifetimesFollowLittlesLaw() throws {
    let run = try SamplerRun(interval: 1)
    let places = KnownPlace.parse(try run.run(try KnownProgram.path(), ["churn"]).output)
    let table = try run.read()
    let place = try #require(places.first { $0.name == "brief" })
    let site = try #require(place.sites(table).first)
    let lifetime = Lifetime.of(site)
    #expect(lifetime.kind == .temporary)
    // Eight blocks at a time, a new one every 2.5 ms or more: at least 20 ms each, more on a busy machine, but in that ratio to the run.
    let seconds = Double(table.header.lastNanoseconds - table.header.startNanoseconds) / 1e9
    let expected = seconds * 8 / 400 * 1e9
    let mean = try #require(lifetime.mean)
    #expect(mean > expected * 0.8 && mean < expected * 1.2, "\(mean) ns, expected \(expected)")
    #expect(table.churn().first?.index == site.index)
  }

  @Test func errorBarsAreOfTheSamplingDesign() {
    // A block of R - 1 bytes at interval R is taken with the chance 1 - 1/e.
    let block = SamplerTable.Block(address: 8, size: 999, time: 0, interval: 1000, site: 2, thread: 1, task: 0)
    #expect(abs(1 / block.weight - 0.632_120_558) < 1e-8)
  }
}
