import HeapGraph
import ProcessImage
import Symbols
import TestSupport
import Testing

/// Leaks where there is no room for a table of blocks, against the whole analysis of the same copy.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct PackedLeakTests {
  /// Programs that know their heap: Swift's and C's kinds of leaks, and everything that a healthy heap consists of.
  enum Zoo: String, CaseIterable, Sendable {
    case leaks, debugLeaks, healthy, cLeaks, cLeaksMapped, busy, churn, tasks

    func start(_ truth: String) throws -> RunningProgram {
      let swift = TestProgram.Build.swift(["-O", "-swift-version", "6"])
      let debug = TestProgram.Build.swift(["-Onone", "-swift-version", "6"])
      switch self {
      case .leaks: return try RunningProgram(TestProgram.path("leakzoo", swift), [truth, "--count", "50", "all"])
      case .debugLeaks: return try RunningProgram(TestProgram.path("leakzoo", debug), [truth, "--count", "20", "all"])
      case .healthy: return try RunningProgram(TestProgram.path("leakzoo", swift), [truth, "--count", "50", "healthy"])
      case .cLeaks:
        return try RunningProgram(TestProgram.path("cleak", .c(["-O2", "-pthread"])), [truth, "all", "200"])
      case .cLeaksMapped:
        return try RunningProgram(
          TestProgram.path("cleak", .c(["-O2", "-pthread"])), [truth, "all", "200"],
          environment: ["GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=128"])
      case .busy: return try RunningProgram(TestProgram.path("busy", swift))
      case .churn: return try RunningProgram(TestProgram.path("churn", swift))
      case .tasks:
        let build = TestProgram.Build.swift(["-O", "-swift-version", "6", "-parse-as-library"])
        return try RunningProgram(TestProgram.path("sleepingtasks.swift", build), ["500"])
      }
    }
  }

  private func room(_ bytes: UInt64) -> InspectionRoom { InspectionRoom(bytes: bytes, place: "here", advice: "leave") }

  @Test(arguments: Zoo.allCases)
  func leaksAreThoseOfTheWholeHeap(zoo: Zoo) throws {
    let truth = TemporaryPath("truth")
    let program = try zoo.start(truth.path)
    defer { program.stop() }
    let (image, process) = try ProcessImage.frozen(pid: program.pid)
    defer { process.release() }
    let symbols = ImageSymbols(image)
    let whole = try HeapInspection.run(image, symbols: symbols, options: .init(keepsReferences: true))
    // A byte less than holders take.
    let bytes = 8 << 20 + UInt64(whole.blockCount) * 140 - 1
    let packed = try HeapInspection.run(
      image, symbols: symbols, options: .init(keepsReferences: true, room: room(bytes)))
    #expect(whole.shortage == nil && packed.shortage != nil && !packed.isSurvey && packed.references == nil)
    #expect(packed.blockCount == whole.blockCount && packed.bytes == whole.bytes)
    #expect(packed.rootCount == whole.rootCount && packed.referenceCount == whole.referenceCount)
    #expect(packed.unreachable == whole.unreachable && packed.unreachableBytes == whole.unreachableBytes)
    #expect(packed.census == whole.census)
    #expect(packed.leaks != nil && packed.leaks == whole.leaks)
    #expect(packed.remarks == whole.remarks)
  }

  /// With hardly any room beside the marks leaks are told by type alone, all of them.
  @Test func leaksWithoutRoomToGroupThem() throws {
    let program = try RunningProgram(
      TestProgram.path("cleak", .c(["-O2", "-pthread"])), [TemporaryPath("truth").path, "all", "2000"])
    defer { program.stop() }
    let (image, process) = try ProcessImage.frozen(pid: program.pid)
    defer { process.release() }
    let symbols = ImageSymbols(image)
    let whole = try HeapInspection.run(image, symbols: symbols)
    var bytes: UInt64 = 8 << 20
    var packed = try HeapInspection.run(image, symbols: symbols, options: .init(room: room(bytes)))
    while packed.isSurvey {
      bytes += 4096
      packed = try HeapInspection.run(image, symbols: symbols, options: .init(room: room(bytes)))
    }
    let groups = try #require(packed.leaks)
    #expect(packed.remarks.contains { $0.contains("grouped by type alone") })
    #expect(groups.allSatisfy { !$0.isFollowed } && whole.leaks?.allSatisfy(\.isFollowed) == true)
    #expect(packed.unreachableBytes == whole.unreachableBytes && packed.unreachableBytes > 0)
    #expect(groups.reduce(0) { $0 + $1.bytes } == whole.unreachableBytes)
    #expect(groups.reduce(0) { $0 + $1.blocks } == whole.unreachable.count)
  }

  /// Room for a table of all blocks, and for no more: the references among leaked ones take several times as much.
  @Test func leaksThatFillTheHeapWithRoomForItsTableAlone() throws {
    let program = try RunningProgram(
      TestProgram.path("cleak", .c(["-O2", "-pthread"])), [TemporaryPath("truth").path, "all", "2000"])
    defer { program.stop() }
    let (image, process) = try ProcessImage.frozen(pid: program.pid)
    defer { process.release() }
    let symbols = ImageSymbols(image)
    let whole = try HeapInspection.run(image, symbols: symbols)
    let table = 8 << 20 + UInt64(whole.blockCount) * 40
    #expect(whole.unreachable.count > whole.blockCount / 2)
    let short = try HeapInspection.run(image, symbols: symbols, options: .init(room: room(table)))
    #expect(short.shortage == nil && !short.isSurvey)
    #expect(short.remarks.contains { $0.contains("grouped by type alone") })
    #expect(short.leaks?.reduce(0) { $0 + $1.bytes } == whole.unreachableBytes)
    let enough = room(table + UInt64(whole.blockCount) * 160)
    let roomy = try HeapInspection.run(image, symbols: symbols, options: .init(room: enough))
    #expect(roomy.leaks == whole.leaks && roomy.remarks == whole.remarks)
  }

  /// The room that there was at the beginning has gone: what was counted is told.
  @Test func whatWasCountedStays() throws {
    let program = try Zoo.healthy.start(TemporaryPath("truth").path)
    defer { program.stop() }
    let (image, process) = try ProcessImage.frozen(pid: program.pid)
    defer { process.release() }
    let symbols = ImageSymbols(image)
    let whole = try HeapInspection.run(image, symbols: symbols, options: .init(findsLeaks: false))
    var options = HeapAnalysis.Options(
      keepsReferences: true, room: room(8 << 20 + UInt64(whole.blockCount) * 140 - 1))
    options.isRoomGone = { true }
    let counted = try HeapInspection.run(image, symbols: symbols, options: options)
    #expect(counted.isSurvey && counted.leaks == nil && counted.shortage?.contains("went meanwhile") == true)
    #expect(counted.blockCount == whole.blockCount && counted.bytes == whole.bytes)
  }
}
