import Testing

@testable import Profile

/// The wire format: what is written is read again, and what makes no sense is refused.
@Suite struct PprofTests {
  static func small() -> Profile {
    var builder = ProfileBuilder(sampleTypes: Profile.heapSampleTypes)
    let app = builder.mapping(start: 0x5000, limit: 0x9000, fileOffset: 0x1000, file: "/srv/app", buildID: "4f1c")
    let load = builder.function(
      name: "Store.load()", systemName: "$s3app5StoreC4loadyyF", file: "Store.swift", startLine: 12)
    let main = builder.function(name: "main", file: "main.swift", startLine: 1)
    let leaf = builder.location(address: 0x5123, mapping: app, lines: [.init(function: load, number: 17)])
    let root = builder.location(
      address: 0x6000, mapping: app, lines: [.init(function: load, number: 13), .init(function: main, number: 3)])
    let bare = builder.location(address: 0x7777, mapping: app)
    builder.add(
      stack: [leaf, root], values: [3, 192, 1, 64],
      labels: [.text("thread", "worker 1"), .number("bytes", 64, unit: "bytes")])
    builder.add(stack: [bare, root], values: [1, -16, 0, 0])
    builder.profile.timeNanoseconds = 1_700_000_000_000_000_000
    builder.profile.durationNanoseconds = 5
    builder.profile.periodType = .init("space", "bytes")
    builder.profile.period = 524_288
    builder.profile.comments = ["first", "second"]
    builder.profile.defaultSampleType = "inuse_space"
    builder.profile.dropFrames = "malloc"
    return builder.profile
  }

  @Test(arguments: [true, false]) func whatIsWrittenReadsTheSame(packed: Bool) throws {
    let profile = Self.small()
    let bytes = packed ? try PprofEncoder.gzip(profile) : PprofEncoder.encode(profile)
    let read = try ProfileReader().decode(bytes, path: "small")
    #expect(read.sampleTypes == profile.sampleTypes)
    #expect(read.samples.count == 2)
    #expect(Array(read.samples.values(1)) == [1, -16, 0, 0])
    #expect(read.samples.labels(0).count == 2 && read.samples.labels(1).isEmpty)
    #expect(read.comments == ["first", "second"])
    #expect(read.period == 524_288 && read.periodType == .init("space", "bytes"))
    #expect(read.timeNanoseconds == profile.timeNanoseconds && read.durationNanoseconds == 5)
    #expect(read.text(read.mappings[0].file) == "/srv/app" && read.text(read.mappings[0].buildID) == "4f1c")
    let root = read.locations[Int(read.samples.stack(0).last ?? 0)]
    #expect(read.lines(of: root).map(\.number) == [13, 3])
    // Ids are given in order, so writing what was read gives the same bytes.
    #expect(PprofEncoder.encode(read) == PprofEncoder.encode(profile))
  }

  @Test func builderKeepsEqualPartsOnce() {
    var builder = ProfileBuilder(sampleTypes: [.init("objects", "count")])
    let one = builder.function(name: "f")
    #expect(builder.function(name: "f") == one)
    let place = builder.location(address: 1, lines: [.init(function: one, number: 2)])
    #expect(builder.location(address: 1, lines: [.init(function: one, number: 2)]) == place)
    #expect(builder.location(address: 2, lines: [.init(function: one, number: 2)]) != place)
    builder.add(stack: [place, 99, -1], values: [])
    #expect(Array(builder.profile.samples.stack(0)) == [UInt32(place)])
    #expect(Array(builder.profile.samples.values(0)) == [0])
  }
}
