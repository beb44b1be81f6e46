import Foundation
import ProcessImage
import Symbols
import TestSupport
import Testing

@testable import Profile

/// Text heap profiles: what is in the files, and what the tools write about a program that knows what it keeps.
@Suite struct TextHeapTests {
  private func read(_ name: String) throws -> Profile {
    try ProfileReader().read("\(PprofCommand.folder)/\(name)")
  }

  @Test func heapsOfGperftoolsAreRead() throws {
    let profile = try read("gperftools.heap")
    #expect(profile.sampleTypes == Profile.heapSampleTypes && profile.period == 1)
    #expect(profile.samples.count == 4)
    #expect(Array(profile.samples.values(0)) == [400, 26_214_400, 400, 26_214_400])
    #expect(Array(profile.samples.values(3)) == [2084, 8_272_864, 11, 9400])
    // The address of the call, not the one behind it.
    #expect(profile.locations[0].address == 0x7efd_fb26_fa6e)
    #expect(
      profile.mappings.map { profile.text($0.file) } == ["/srv/shop/shop", "/usr/lib/swift/linux/libswiftCore.so"])
    #expect(profile.locations[2].mapping == 0)
  }

  @Test func jemallocIsScaledUp() throws {
    let profile = try read("jemalloc.heap")
    #expect(profile.sampleTypes.map(\.type) == ["objects", "space"] && profile.period == 524_288)
    #expect(profile.samples.count == 2)
    // Larger than twenty periods: sampled for certain.
    #expect(Array(profile.samples.values(0)) == [1, 10_485_760])
    // 22 blocks of 190,650 bytes are sampled with probability 1 - e^(-190650/524288) = 0.3049.
    #expect(Array(profile.samples.values(1)) == [72, 13_758_308])
    #expect(profile.text(profile.mappings[0].file) == "/srv/shop/shop")
  }

  @Test func dataOfHeaptrackIsRead() throws {
    let session = try ProfileSession([try read("heaptrack.txt")])
    let profile = session.profile
    #expect(profile.comments == ["command: ./shop --port 8080"])
    #expect(Array(profile.samples.values(0)) == [3, 196_608, 2, 131_072])
    var options = ProfileOptions()
    options.granularity = .lines
    let folded = try TopReport(session, options)
    #expect(
      folded.rows.map(\.name) == [
        "Store.__allocating_init(count:) Store.swift:6", "static Store.load(id:) Store.swift:27",
        "static Store.load(id:) Store.swift:9",
      ])
    #expect(folded.rows.first?.flat == 131_096)
    options.runtimeFrames = .shown
    #expect(try TopReport(session, options).rows.first?.name == "swift_slowAlloc")
  }

  @Test func foldingMovesNothingButTheLeaf() throws {
    let session = try ProfileSession([try read("heaptrack.txt")])
    var options = ProfileOptions()
    options.trim = false
    let folded = try TopReport(session, options)
    options.runtimeFrames = .shown
    let shown = try TopReport(session, options)
    #expect(folded.total == shown.total)
    #expect(folded.rows.reduce(0) { $0 + $1.flat } == shown.rows.reduce(0) { $0 + $1.flat })
    for row in folded.rows { #expect(shown.rows.first { $0.name == row.name }?.cum == row.cum) }
  }

  @Test func sitesAreThePrograms() throws {
    let sites = try AllocationSites(try read("heaptrack.txt"))
    #expect(sites.ownStack(ofSample: 0).first == "Store.__allocating_init(count:) (Store.swift:6)")
    #expect(!sites.ownStack(ofSample: 0).contains { $0.contains("slowAlloc") })
    #expect(sites.ownStack(ofSample: 99).isEmpty)
    // Without names there is nothing to say.
    #expect(try AllocationSites(try read("jemalloc.heap")).ownStack(ofSample: 0).isEmpty)
  }

  /// What the crate jemalloc_pprof (0.8: `to_pprof` of pprof_util) serves from Rust programs: jemalloc's stacks in pprof's format, with one
  /// kind of value, a period type without a period, mappings with build ids, and no functions.
  @Test func rustsJemallocProfilesGetNames() throws {
    let program = try TestProgram.path(
      "profiled.swift", .swift(["-O", "-parse-as-library", "-Xcc", "-fno-omit-frame-pointer"]))
    let elf = try ELFFile(DiskFile(path: program))
    let code = try #require(elf.segments.first { $0.isLoad && $0.isExecutable })
    // `ADDRESS SIZE t NAME`
    let lines = try TestProgram.run("nm", ["-S", program]).split(separator: "\n").map { $0.split(separator: " ") }
    let line = try #require(lines.first { $0.count == 4 && $0[3].contains("Store") && "tT".contains($0[2]) })
    let symbol = try #require(UInt64(line[0], radix: 16))
    let bias: UInt64 = 0x5555_0000_0000
    var builder = ProfileBuilder(sampleTypes: [.init("inuse_space", "bytes")])
    builder.profile.periodType = .init("space", "bytes")
    builder.profile.timeNanoseconds = 1_700_000_000_000_000_000
    let mapping = builder.mapping(
      start: bias + code.virtualAddress, limit: bias + code.virtualAddress + code.fileSize, fileOffset: code.fileOffset,
      file: program, buildID: elf.buildID ?? "")
    let leaf = builder.location(address: bias + symbol + 4, mapping: mapping)
    builder.add(stack: [leaf, builder.location(address: 0x10)], values: [524_288])
    let read = try ProfileReader().decode(PprofEncoder.gzip(builder.profile), path: "rust.pb.gz")
    #expect(read.sampleTypes == builder.profile.sampleTypes && read.functions.isEmpty && read.period == 0)
    let session = try ProfileSession([read], symbolizer: FileSymbolizer(wantsLines: false))
    let rows = try TopReport(session, ProfileOptions()).rows
    #expect(rows.first?.name.contains("Store") == true && rows.first?.flat == 524_288, "\(rows)")
  }

  // MARK: What the tools write

  private static func library(_ name: String) -> String? {
    ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"].map { "\($0)/\(name)" }.first {
      FileManager.default.fileExists(atPath: $0)
    }
  }
  static let tcmalloc = library("libtcmalloc.so.4")
  static let jemalloc = library("libjemalloc.so.2")
  private static func isInstalled(_ tool: String) -> Bool {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/\(tool)")
    }
  }
  static let hasHeaptrack = isInstalled("heaptrack") && isInstalled("zstd")

  /// Runs `Tests/Programs/profiled.swift` under a tool and reads the file that it leaves.
  private func profile(_ environment: [String: String], arguments: [String] = [], ending: String) throws -> (
    ProfileSession, String
  ) {
    let program = try TestProgram.path(
      "profiled.swift",
      .swift(["-O", "-g", "-parse-as-library", "-module-name", "profiled", "-Xcc", "-fno-omit-frame-pointer"]))
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("memwhy-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let values = environment.mapValues { $0.replacing("DIR", with: folder.path) }
    let command = arguments.map { $0.replacing("DIR", with: folder.path) } + [program]
    let result = try Command.run(
      command[0], Array(command.dropFirst()), environment: values, timeout: 120)
    guard result.output.contains("400 1048576 1024000") else { throw TestFailure(result.output + result.errors) }
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.contains(ending) }
    let file = try #require(files.sorted().last, "the tool left no file: \(result.errors)")
    let read = try ProfileReader().read(folder.appendingPathComponent(file).path)
    return (try ProfileSession([read], symbolizer: FileSymbolizer()), program)
  }

  /// The program's own count: 400 stores of 64 KiB, an index of 8 MiB; within `tolerance`.
  private func check(_ session: ProfileSession, tolerance: Double) throws {
    var options = ProfileOptions()
    options.sort = .cum
    let report = try TopReport(session, options)
    func cum(_ name: String) -> Double { Double(report.rows.first { $0.name.hasSuffix(name) }?.cum ?? 0) }
    let load = cum("Store.load(id:)")
    let index = cum("buildIndex()")
    #expect(abs(load / 26_214_400 - 1) < tolerance, "\(report.text())")
    #expect(abs(index / 8_388_608 - 1) < max(tolerance, 0.26), "\(report.text())")
    // Nothing that allocates on behalf of others is left at the top, and names are demangled.
    #expect(!report.rows.contains { $0.name.contains("swift_slowAlloc") || $0.name.hasPrefix("malloc") })
    #expect(!report.rows.contains { $0.name.hasPrefix("$s") })
  }

  @Test(.enabled(if: tcmalloc != nil, "libgoogle-perftools4 is not installed")) func gperftoolsOnASwiftProgram() throws
  {
    let (session, _) = try profile(
      ["LD_PRELOAD": Self.tcmalloc ?? "", "HEAPPROFILE": "DIR/gp"], ending: ".heap")
    try check(session, tolerance: 0.01)
  }

  /// jemalloc's size classes are up to a quarter larger than what is asked for.
  @Test(.enabled(if: jemalloc != nil, "libjemalloc2 is not installed")) func jemallocOnASwiftProgram() throws {
    let (session, _) = try profile(
      [
        "LD_PRELOAD": Self.jemalloc ?? "",
        "MALLOC_CONF": "prof:true,lg_prof_sample:12,prof_final:true,prof_prefix:DIR/je",
      ],
      ending: ".heap")
    try check(session, tolerance: 0.02)
  }

  @Test(.enabled(if: hasHeaptrack, "heaptrack or zstd is not installed")) func heaptrackOnASwiftProgram() throws {
    let (session, _) = try profile([:], arguments: ["heaptrack", "-o", "DIR/ht"], ending: "ht")
    try check(session, tolerance: 0.01)
    if LineSymbolizer() == nil { return }
    let list = try ListReport(session, ProfileOptions(), matching: "buildIndex")
    let line = try #require(list.routines.first?.lines.first { $0.cum > 8_000_000 })
    #expect(line.text.contains("repeating: 7"))
  }

  @Test func anotherBuildIsNotUsedForNames() throws {
    var builder = ProfileBuilder(sampleTypes: [.init("space", "bytes")])
    let mapping = builder.mapping(start: 0x1000, limit: 0x100000, file: "/proc/self/exe", buildID: "00ff")
    builder.add(stack: [builder.location(address: 0x2000, mapping: mapping)], values: [1])
    let session = try ProfileSession([builder.profile], symbolizer: FileSymbolizer())
    #expect(session.profile.functions.isEmpty)
    #expect(session.remarks.count == 1 && session.remarks[0].contains("another build"))
  }

  @Test func zstandardWithoutItsCommandIsSaid() throws {
    var reader = ProfileReader()
    reader.searchPath = "/nonexistent"
    #expect(throws: ProfileError.missingTool(path: "x", tool: "zstd")) {
      try reader.decode([0x28, 0xb5, 0x2f, 0xfd, 0], path: "x")
    }
  }
}
