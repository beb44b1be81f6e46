import CZlib
import Foundation
import Glibc
import TestSupport
import Testing

@testable import Profile

/// Files that lie: one clear error each, no trap, no unbounded memory.
@Suite struct HostileProfileTests {
  private static func message(_ parts: (inout WireWriter) -> Void) -> [UInt8] {
    var out = WireWriter()
    parts(&out)
    return out.bytes
  }

  private static func inner(_ numbers: [(UInt32, UInt64)]) -> WireWriter {
    var out = WireWriter()
    for (field, value) in numbers { out.add(field, nonzero: value) }
    return out
  }

  /// A sound profile of one sample type, with more behind it.
  private static func profile(_ more: (inout WireWriter) -> Void) -> [UInt8] {
    message { out in
      out.add(1, inner([(1, 1), (2, 1)]))
      out.add(6, "".utf8)
      out.add(6, "bytes".utf8)
      more(&out)
    }
  }

  private func problem(_ bytes: [UInt8]) -> String? {
    do {
      _ = try ProfileReader().decode(bytes, path: "file")
      return nil
    } catch { return "\(error)" }
  }

  @Test func everyContradictionHasItsSentence() {
    let cases: [(String, [UInt8])] = [
      ("it is empty", []),
      ("ends inside a field", [0x0a, 0x7f]),
      ("unknown kind", [0x0b]),
      ("more than 64 bits", [0x48] + [UInt8](repeating: 0xff, count: 11)),
      ("no names", [0x48, 0x01]),
      ("not the empty one", Self.message { $0.add(6, "x".utf8) }),
      ("name 9 of 2", Self.profile { $0.add(5, Self.inner([(1, 1), (2, 9)])) }),
      ("name -1 of 2", Self.profile { $0.add(5, Self.inner([(1, 1), (2, .max)])) }),
      (
        "two functions have the id 1",
        Self.profile { out in
          for _ in 0..<2 { out.add(5, Self.inner([(1, 1)])) }
        }
      ),
      (
        "two locations have the id 7",
        Self.profile { out in
          for _ in 0..<2 { out.add(4, Self.inner([(1, 7)])) }
        }
      ),
      ("a mapping has no id", Self.profile { $0.add(3, Self.inner([(2, 1)])) }),
      ("refers to mapping 5", Self.profile { $0.add(4, Self.inner([(1, 1), (2, 5)])) }),
      (
        "refers to location 3",
        Self.profile { out in
          var sample = WireWriter()
          sample.addPacked(1, [3])
          sample.addPacked(2, [1])
          out.add(2, sample)
        }
      ),
      (
        "refers to function 4",
        Self.profile { out in
          var location = Self.inner([(1, 1)])
          location.add(4, Self.inner([(1, 4)]))
          out.add(4, location)
        }
      ),
      ("0 values for 1 sample types", Self.profile { $0.add(2, WireWriter()) }),
      (
        "does not say what its values are",
        Self.message { out in
          out.add(6, "".utf8)
          out.add(2, WireWriter())
        }
      ),
      ("no profile that memwhy knows", Array("hello\nworld, this is a text".utf8)),
      ("head without a sampling period", Array("heap_v2/x\n".utf8)),
      ("unknown kind", Array("heap profile: 1: 2 [ 3: 4 ] @ weird/3\n".utf8)),
      ("line 2", Array("heap profile: 1: 2 [ 3: 4 ] @ heapprofile\n 1: x\n".utf8)),
      (
        "address that cannot be read, in line 2",
        Array("heap profile: 1: 2 [ 3: 4 ] @ heapprofile\n 1: 2 [1: 2] @ 0x11112222333344445\n".utf8)
      ),
      ("leads nowhere", Array("v 1 3\nt 1 0\n".utf8)),
      ("not there", Array("v 1 3\n+ 0\n".utf8)),
      ("newer than memwhy knows", Array("v 1 9\n".utf8)),
      ("a name that is cut", Array("v 1 3\ns ff abc\n".utf8)),
    ]
    for (expected, bytes) in cases {
      let found = problem(bytes)
      #expect(found?.contains(expected) == true, "wanted \(expected), got \(found ?? "nothing")")
    }
  }

  @Test func cutAndDamagedGzipIsRefused() throws {
    let whole = try PprofEncoder.gzip(PprofTests.small())
    #expect(problem(whole) == nil)
    for length in [2, 3, 10, whole.count / 2, whole.count - 1] {
      #expect(problem(Array(whole[..<length])) != nil, "\(length) of \(whole.count) bytes")
    }
    var damaged = whole
    damaged[whole.count / 2] ^= 0x55
    #expect(problem(damaged) != nil)
    // Two members behind each other are one file (RFC 1952).
    let bytes = PprofEncoder.encode(PprofTests.small())
    let halves = try Gzip.pack(Array(bytes[..<50])) + Gzip.pack(Array(bytes[50...]))
    #expect(problem(halves) == nil)
    // Any number of them, empty ones among them.
    let many = try bytes.map { try Gzip.pack([$0]) }.reduce(Gzip.pack([]), +)
    #expect(problem(many) == nil)
  }

  @Test func aGzipBombStopsAtTheLimit() throws {
    // 64 MiB of zeros in 64 KiB.
    let bomb = try Gzip.pack([UInt8](repeating: 0, count: 64 << 20))
    #expect(bomb.count < 1 << 17)
    var before = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &before)
    #expect(throws: ProfileError.tooLarge(path: "bomb", limit: 1 << 20)) {
      try ProfileReader(maximumSize: 1 << 20).decode(bomb, path: "bomb")
    }
    var after = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &after)
    #expect(after.ru_maxrss - before.ru_maxrss < 64 << 10, "it was unpacked as a whole")
  }

  /// Heaptrack's stacks share their outer parts: one of thousands of frames, and a line for each allocation that has it.
  @Test func stacksThatMultiplyAreRefused() throws {
    var text = "v 10400 3\ns 1 f\ni 1 0 1\n"
    for parent in 0..<4000 { text += "t 1 \(String(parent, radix: 16))\n" }
    for index in 0..<2000 { text += "a 8 fa0\n+ \(String(index, radix: 16))\n" }
    let found = problem(Array(text.utf8))
    #expect(found?.contains("out of proportion") == true, "\(found ?? "nothing")")
    let few = text.split(separator: "\n").prefix(4003 + 40).joined(separator: "\n")
    #expect(problem(Array(few.utf8)) == nil)
  }

  /// Traces without an instruction pointer add no frame to a stack, but following them takes as long.
  @Test func tracesThatMultiplyWithoutFramesAreRefused() {
    var text = "v 10400 3\ns 1 f\ni 1 0 1\n"
    for parent in 0..<4000 { text += "t 0 \(String(parent, radix: 16))\n" }
    for index in 0..<2000 { text += "a 8 fa0\n+ \(String(index, radix: 16))\n" }
    let found = problem(Array(text.utf8))
    #expect(found?.contains("out of proportion") == true, "\(found ?? "nothing")")
  }

  /// Samples times sample types is a number that the file chooses: two bytes for each of them, and a terabyte if they were believed.
  @Test func samplesTimesTypesTakesNoMemory() {
    let bytes = Self.message { out in
      for _ in 0..<400_000 { out.add(1, WireWriter()) }
      for _ in 0..<400_000 { out.add(2, WireWriter()) }
      out.add(6, "".utf8)
    }
    let found = problem(bytes)
    #expect(found?.contains("0 values for 400000 sample types") == true, "\(found ?? "nothing")")
  }

  /// The profile's own pattern of what to leave out comes with the file.
  @Test func aPatternOfEmptyRepetitionsIsRefused() throws {
    var builder = ProfileBuilder(sampleTypes: [.init("space", "bytes")])
    builder.profile.dropFrames = "((((){1000}){1000}){1000}){1000}"
    let function = builder.function(name: "f")
    builder.add(stack: [builder.location(address: 16, lines: [.init(function: function)])], values: [1])
    let session = try ProfileSession([builder.profile])
    #expect(throws: ProfileError.self) { try TopReport(session, ProfileOptions()) }
  }

  @Test func theLargestValueIsDrawnAtAnyShare() throws {
    var builder = ProfileBuilder(sampleTypes: [.init("space", "bytes")])
    let place = builder.location(address: 16)
    builder.add(stack: [place], values: [.max])
    let session = try ProfileSession([builder.profile])
    #expect(try StackTree(session, ProfileOptions(), minimumShare: 1).nodes.count == 2)
  }

  @Test func commentsAreMergedOnceAndInOrder() throws {
    var builder = ProfileBuilder(sampleTypes: [.init("space", "bytes")])
    builder.profile.comments = ["b", "a", "b"]
    var other = builder
    other.profile.comments = ["c", "a"]
    #expect(try ProfileMerger.merge([builder.profile, other.profile]).comments == ["b", "a", "c"])
  }

  @Test func negativeValuesAndEmptyStacksAreShown() throws {
    var builder = ProfileBuilder(sampleTypes: [.init("space", "bytes")])
    let place = builder.location(address: 16)
    builder.add(stack: [place], values: [.min])
    builder.add(stack: [place], values: [-7])
    builder.add(stack: [], values: [5])
    let session = try ProfileSession([builder.profile, builder.profile])
    for granularity in Granularity.allCases {
      var options = ProfileOptions()
      options.granularity = granularity
      options.mean = true
      _ = try TopReport(session, options).text()
      _ = try TreeReport(session, options).text()
      _ = try TracesReport(session, options).text()
      _ = try StackTree(session, options, minimumShare: 0)
    }
    #expect(try TopReport(session, ProfileOptions()).rows.first?.name == "<unknown>")
  }

  /// Ids that lead in a circle do not exist in the format; what comes nearest is a stack that repeats itself, and one location for all.
  @Test func stacksThatRepeatThemselvesCountOnce() throws {
    var builder = ProfileBuilder(sampleTypes: [.init("space", "bytes")])
    let function = builder.function(name: "recursive")
    let place = builder.location(address: 16, lines: [.init(function: function), .init(function: function)])
    builder.add(stack: [Int](repeating: place, count: 20_000), values: [7])
    let session = try ProfileSession([builder.profile])
    let top = try TopReport(session, ProfileOptions())
    #expect(top.rows.map(\.cum) == [7] && top.total == 7)
    #expect(try StackTree(session, ProfileOptions(), minimumShare: 0).nodes.count <= 513)
    _ = try TreeReport(session, ProfileOptions()).text()
  }

  /// Mappings of files that are not here, are no ELF files, or have no name: addresses stay, and a sentence says why.
  @Test func mappingsWithoutFilesKeepTheirAddresses() throws {
    var builder = ProfileBuilder(sampleTypes: [.init("space", "bytes")])
    for (index, file) in ["/nowhere/shop", "/etc/hostname", "", "[vdso]", "/dev/null", "relative"].enumerated() {
      let start = UInt64(index + 1) << 20
      let mapping = builder.mapping(start: start, limit: start + 4096, file: file)
      builder.add(stack: [builder.location(address: start + 16, mapping: mapping)], values: [1])
    }
    builder.add(stack: [builder.location(address: 1 << 30, mapping: nil)], values: [1])
    let session = try ProfileSession([builder.profile], symbolizer: FileSymbolizer())
    #expect(
      session.remarks.count == 1 && session.remarks[0].contains("no names of /nowhere/shop"), "\(session.remarks)")
    let top = try TopReport(session, ProfileOptions())
    #expect(top.total == 7 && top.rows.reduce(0) { $0 + $1.flat } == 7)
    #expect(top.rows.contains { $0.name == "[shop]" }, "\(top.rows)")
  }

  /// A source file that is not where it was, or is another version: the lines are listed all the same, and it is said.
  @Test func sourcesThatMovedAreSaid() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("memwhy-\(UUID().uuidString).swift")
    try "one line\n".write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    for (path, problem) in [
      ("/nowhere/Store.swift", "Store.swift"), (file.path, "it is not the version that was profiled"),
    ] {
      var builder = ProfileBuilder(sampleTypes: [.init("space", "bytes")])
      let function = builder.function(name: "load", file: path)
      builder.add(stack: [builder.location(address: 16, lines: [.init(function: function, number: 40)])], values: [7])
      let report = try ListReport(ProfileSession([builder.profile]), ProfileOptions(), matching: "load")
      let routine = try #require(report.routines.first)
      #expect(routine.flat == 7 && routine.problem?.contains(problem) == true, "\(routine)")
      #expect(report.text().contains("Error: "))
    }
  }

  /// Damage of all formats: an error or a profile, and every report of what is read works.
  @Test func damageGivesAnErrorOrAProfile() throws {
    let folder = PprofCommand.folder
    var seeds: [[UInt8]] = [PprofEncoder.encode(PprofTests.small())]
    for name in ["heap1.pb.gz", "cpu.pb.gz", "gperftools.heap", "jemalloc.heap", "heaptrack.txt"] {
      let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")))
      seeds.append(Gzip.isPacked(bytes) ? try Gzip.unpack(bytes, path: name, limit: 1 << 24) : bytes)
    }
    var read = 0
    let rounds = Mutation.rounds(4000, seconds: 12, seed: 4) { generator in
      let seed = seeds[Int.random(in: seeds.indices, using: &generator)]
      let bytes = Mutation.damaged(seed, hot: [0..<200], using: &generator)
      guard let profile = try? ProfileReader(maximumSize: 1 << 24).decode(bytes, path: "fuzz") else { return }
      read += 1
      // Reports cost more than reading; some of the profiles are enough.
      guard read % 8 == 0, let session = try? ProfileSession([profile], bases: [profile]) else { return }
      var options = ProfileOptions()
      options.granularity = Granularity.allCases.randomElement(using: &generator) ?? .lines
      options.mean = Bool.random(using: &generator)
      options.sampleIndex = "0"
      options.focus = Bool.random(using: &generator) ? "a" : ""
      options.tagRoot = "bytes"
      _ = try? TopReport(session, options).text()
      _ = try? TreeReport(session, options).text()
      _ = try? RawReport(session, options).text()
      _ = try? TracesReport(session, options).text()
      if let tree = try? StackTree(session, options, minimumShare: 0) { _ = FlamePage.render(tree, title: "fuzz") }
      for path in ["x.collapsed", "x.speedscope.json", "x.pb"] {
        _ = try? ProfileExport(path: path)?.render(session, options)
      }
    }
    // A fuzzer that only ever meets the first check proves nothing.
    #expect(read > rounds / 20 && read < rounds)
  }

  @Test func gzipIsFuzzed() throws {
    let seed = try PprofEncoder.gzip(PprofTests.small())
    _ = Mutation.rounds(3000, seconds: 4, seed: 5) { generator in
      let bytes = Mutation.damaged(seed, hot: [0..<20], using: &generator)
      _ = try? ProfileReader(maximumSize: 1 << 20).decode(bytes, path: "fuzz")
    }
  }
}
