import Diagnosis
import HeapGraph
import Malloc
import ProcessImage
import Symbols
import TestSupport
import Testing
import Timeline

/// Blocks that are only counted, against the same blocks kept.
struct SurveyTests {
  private static let build = TestProgram.Build.swift(["-O"])

  private func room(_ bytes: UInt64) -> InspectionRoom { InspectionRoom(bytes: bytes, place: "here", advice: "leave") }

  /// What kinds of rows there are beside those that only marking, or a look at each block, can tell.
  private func told(_ census: [CensusRow]) -> [CensusRow] { census.filter { $0.kind != .native } }

  @Test func countsAreThoseOfTheWholeHeap() throws {
    let program = try RunningProgram(try TestProgram.path("swiftheap.swift", Self.build))
    defer { program.stop() }
    let (image, process) = try ProcessImage.frozen(pid: program.pid)
    defer { process.release() }
    let symbols = ImageSymbols(image)
    let whole = try HeapInspection.run(image, symbols: symbols, options: .init(findsLeaks: false))
    let counted = try HeapInspection.run(image, symbols: symbols, options: .init(findsLeaks: false, room: room(1)))
    #expect(!whole.isSurvey && counted.isSurvey)
    #expect(told(counted.census) == told(whole.census))
    #expect(told(counted.census).contains { $0.type.hasSuffix("Node") && $0.count > 6_000 })
    #expect(counted.blockCount == whole.blockCount && counted.bytes == whole.bytes)
    #expect(counted.census.reduce(0) { $0 + $1.count } == whole.blockCount)
    #expect(counted.census.reduce(0) { $0 + $1.bytes } == whole.bytes)
    #expect(counted.heap.walk.arenas == whole.heap.walk.arenas && counted.heap.walk.checks == whole.heap.walk.checks)
    #expect(counted.shortage?.contains("here has 1 B to spare; leave") == true)
    #expect(counted.leaksNotJudged == whole.leaksNotJudged)
    let judged = try HeapInspection.run(image, symbols: symbols, options: .init(room: room(1)))
    #expect(judged.isSurvey && judged.leaksNotJudged == judged.shortage)

    let mapped = try #require(MappedMemory.all(of: program.pid, copiedTo: process.copyPid))
    let books = [whole, counted].map {
      ResidentBooks(image: image, analysis: $0, mapped: mapped, present: process.presentPages.ranges)
    }
    func row(_ index: Int, _ holder: ResidentBooks.Holder) -> Double { Double(books[index].rows[holder.rawValue] ?? 0) }
    // Pages that nobody has touched between small blocks make the difference.
    let live = [0, 1].map { row($0, .swiftObjects) + row($0, .nativeBlocks) }
    #expect(abs(live[1] - live[0]) < 0.02 * live[0], "\(live)")
    #expect(books[0].resident == books[1].resident)
    #expect(row(0, .unexplained) == row(1, .unexplained))
  }

  @Test func whatFitsIsDone() throws {
    let program = try RunningProgram(try TestProgram.path("swiftheap.swift", Self.build))
    defer { program.stop() }
    let (image, process) = try ProcessImage.frozen(pid: program.pid)
    defer { process.release() }
    let symbols = ImageSymbols(image)
    func look(_ room: InspectionRoom?) throws -> HeapAnalysis {
      try HeapInspection.run(image, symbols: symbols, options: .init(keepsReferences: true, room: room))
    }
    let whole = try look(nil)
    #expect(whole.references != nil && whole.leaks != nil && whole.shortage == nil)
    let blocks = UInt64(whole.blockCount)
    // Between what leaks and what holders take.
    let leaks = try look(room(8 << 20 + blocks * 90))
    #expect(leaks.references == nil && leaks.leaks?.count == whole.leaks?.count && leaks.shortage != nil)
    #expect(throws: HoldersError.self) { try HeapHolders(analysis: leaks, image: image, symbols: symbols) }
    let ample = try look(room(8 << 20 + blocks * 140))
    #expect(ample.references != nil && ample.leaks != nil && ample.shortage == nil)
  }

  /// Lists whose links look like metadata, and nothing typed at all.
  @Test func linksAreNoMetadata() throws {
    let program = try RunningProgram(try TestProgram.path("manyblocks.c", .c(["-O1"])), ["200000"])
    defer { program.stop() }
    let image = try ProcessImage.running(pid: program.pid)
    let counted = try HeapInspection.run(
      image, symbols: ImageSymbols(image), options: .init(findsLeaks: false, room: room(1)))
    #expect(counted.census.first?.type == "malloc(24)" && counted.census.first?.count ?? 0 >= 200_000)
    #expect(told(counted.census).isEmpty)
  }
}
