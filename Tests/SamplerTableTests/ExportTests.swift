import Foundation
import Profile
import SamplerTable
import TestSupport
import Testing

@Suite struct ExportTests {
  @Test func theProfileHasTheTablesSumsAndNames() throws {
    let run = try SamplerRun(interval: 1)
    let places = KnownPlace.parse(try run.run(try KnownProgram.path(), ["totals", "1"]).output)
    let table = try run.read()
    var profile = ProfileExport.profile(of: table)
    #expect(profile.sampleTypes == Profile.heapSampleTypes)
    #expect(profile.period == 1)
    _ = FileSymbolizer(wantsLines: false).symbolize(&profile)
    for place in places {
      var sums = [Int64](repeating: 0, count: 4)
      for index in 0..<profile.samples.count {
        guard let leaf = profile.samples.stack(index).first else { continue }
        let names = profile.lines(of: profile.locations[Int(leaf)]).compactMap { line in
          line.function.map { profile.text(profile.functions[$0].name) }
        }
        guard names.first == place.name else { continue }
        for (type, value) in profile.samples.values(index).enumerated() { sums[type] += value }
      }
      #expect(sums == [place.count, place.bytes, place.liveCount, place.liveBytes].map { Int64($0) }, "\(place.name)")
    }
    let main = try #require(profile.mappings.first)
    #expect(profile.text(main.file).contains("known"))
    #expect(!profile.text(main.buildID).isEmpty)
  }
}
