import HeapGraph
import ProcessImage
import Symbols
import TestSupport
import Testing

/// Who holds what, from a sample, against the whole analysis of the same copy.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct SampledHolderTests {
  private func holders(_ program: RunningProgram) throws -> (whole: HolderReport, sampled: SampledHolders) {
    let (image, process) = try ProcessImage.frozen(pid: program.pid)
    defer { process.release() }
    let symbols = ImageSymbols(image)
    let analysis = try HeapInspection.run(image, symbols: symbols, options: .init(keepsReferences: true))
    let whole = try HeapHolders(analysis: analysis, image: image, symbols: symbols)
    let blocks = UInt64(whole.analysis.blockCount)
    // A byte less than the whole takes.
    let room = InspectionRoom(bytes: 8 << 20 + blocks * 140 - 1, place: "here", advice: "leave")
    let reduced = try HeapInspection.run(image, symbols: symbols, options: .init(keepsReferences: true, room: room))
    #expect(throws: HoldersError.self) { try HeapHolders(analysis: reduced, image: image, symbols: symbols) }
    return (try whole.holders(cut: 0.02), try SampledHolders(analysis: reduced, image: image, symbols: symbols))
  }

  /// The largest holders, each the largest child of the one before: names and fields on the way.
  private func path(_ report: HolderReport, depth: Int) -> [String] {
    var names: [String] = []
    var holders = report.holders
    while let holder = holders.first, names.count < depth {
      names.append(holder.field + " " + holder.name)
      holders = holder.children
    }
    return names
  }

  /// A cache whose values are dictionaries of their own.
  @Test(arguments: ["boxed", "array"])
  func theIncident(shape: String) throws {
    let build = TestProgram.Build.swift(["-O", "-g", "-swift-version", "6", "-parse-as-library"])
    let program = try RunningProgram(TestProgram.path("holderzoo", build), ["incident", "600", "50", shape])
    defer { program.stop() }
    let (whole, sampled) = try holders(program)
    #expect(sampled.sampled > 256 && sampled.followed == sampled.sampled, "\(sampled.followed) of \(sampled.sampled)")
    #expect(sampled.report.reachableBlocks == whole.reachableBlocks)
    #expect(sampled.report.reachableBytes == whole.reachableBytes)
    #expect(path(sampled.report, depth: 3) == path(whole, depth: 3))
    let (estimate, truth) = try (#require(sampled.report.holders.first), #require(whole.holders.first))
    // What the cache holds are types with nearly all of the memory, and their blocks hang on nothing else.
    #expect(abs(Double(estimate.retainedBytes) - Double(truth.retainedBytes)) < 0.05 * Double(truth.retainedBytes))
    let (inner, known) = try (#require(estimate.children.first), #require(truth.children.first))
    #expect(inner.container?.entries == known.container?.entries && known.container?.entries == 600)
    #expect(inner.count == 1 && inner.ownBytes == known.ownBytes)
  }

  /// A way back of thousands of blocks: a list hangs on its head.
  @Test func aList() throws {
    let program = try RunningProgram(TestProgram.path("manyblocks.c", .c(["-O1"])), ["20000"])
    defer { program.stop() }
    let (whole, sampled) = try holders(program)
    #expect(sampled.sampled == 256 && sampled.followed == 256)
    let (estimate, truth) = try (#require(sampled.report.holders.first), #require(whole.holders.first))
    #expect(estimate.name == truth.name)
    #expect(abs(Double(estimate.retainedBytes) - Double(truth.retainedBytes)) < 0.05 * Double(truth.retainedBytes))
  }

  /// Objects on which several variables have their hands, and some that tasks keep.
  @Test func severalHolders() throws {
    let program = try RunningProgram(TestProgram.path("swiftheap.swift", .swift(["-O"])))
    defer { program.stop() }
    let (whole, sampled) = try holders(program)
    #expect(sampled.sampled > 0 && sampled.followed > sampled.sampled * 9 / 10)
    #expect(sampled.report.reachableBytes == whole.reachableBytes)
    let largest = try #require(whole.holders.first { $0.kind == .root })
    #expect(sampled.report.holders.contains { $0.name == largest.name }, "\(largest.name)")
  }
}
