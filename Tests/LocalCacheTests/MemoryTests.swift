import Foundation
import TestSupport
import Testing

@testable import LocalCache

/// The limit beside what malloc and the system say of the process. Programs of their own, because these tell only of whole processes.
@Suite(.serialized) struct MemoryTests {
  private func numbers(_ mode: String) async throws -> [Double] {
    let result = try await offThePool { try Command.run(TestProgram.built("cache-sizes"), [mode], timeout: 120) }
    return result.output.split(separator: "\n").last?.split(separator: "\t").compactMap { Double($0) } ?? []
  }

  /// Sanitizers and other allocators bring their own; then the cache does nothing of the kind.
  private static let reason: Comment = "blocks do not come from glibc's malloc here"

  @Test(.enabled(if: GlibcChunk.isUsed, reason)) func theBudgetHoldsInTheProcess() async throws {
    let line = try await numbers("churn")
    try #require(line.count == 6)
    let (budget, entries, holes, heldBack, free, gained) = (line[0], line[1], line[2], line[3], line[4], line[5])
    #expect(entries + heldBack <= budget)
    #expect(heldBack > 0 && holes > free * 0.5 && holes < free * 1.5, "\(holes) of holes, malloc says \(free)")
    #expect(entries + free <= budget * 1.06)
    // Some 5 MB of the gain are the program itself, which a small budget feels.
    #expect(gained <= budget * 1.15)
  }

  @Test(.enabled(if: GlibcChunk.isUsed, reason)) func holesOfSeveralArenasAreSeen() async throws {
    // An estimate from a sample of entries whose holes differ a hundredfold: single ones are off by half, one in twenty by more.
    var shares: [Double] = []
    for _ in 0..<5 {
      let line = try await numbers("arenas")
      try #require(line.count == 2)
      let (seen, free) = (line[0], line[1])
      #expect(free > 32e6)
      shares.append(seen / free)
    }
    let median = shares.sorted()[2]
    #expect(median > 0.3 && median < 1.7, "\(shares) of what malloc has")
  }

  @Test(.enabled(if: GlibcChunk.isUsed, reason), arguments: ["emptied", "expired"])
  func anEmptiedCacheGivesItsPagesBack(how: String) async throws {
    let line = try await numbers(how)
    try #require(line.count == 2)
    #expect(line[0] > 60e6 && line[1] < line[0] / 3, "\(line[0]) bytes when full, \(line[1]) when emptied")
  }

  /// Whatever a load needs goes with it, not with its time limit of a minute.
  @Test(.enabled(if: GlibcChunk.isUsed, reason)) func loadsLeaveNothingBehind() async throws {
    let line = try await numbers("loads")
    try #require(line.count == 2)
    #expect(line[1] < line[0] * 50, "\(line[1]) bytes more after \(line[0]) loads")
  }

  @Test(.enabled(if: GlibcChunk.isUsed, reason)) func aCacheThatBecomesLargeIsTended() throws {
    let cache = LocalCache<Int, [UInt8]>(name: "grows", limit: .bytes(.mebibytes(1)))
    let task = try #require(cache.memory?.task)
    #expect(!task.isRunning)
    cache.resize(to: .bytes(.mebibytes(8)))
    #expect(!task.isRunning)
    cache.resize(to: .bytes(.mebibytes(64)))
    #expect(task.isRunning)
  }

  @Test(.enabled(if: GlibcChunk.isUsed, reason)) func aCacheThatBecomesSmallKeepsNothingFree() {
    let cache = LocalCache<Int, [UInt8]>(name: "shrinks", limit: .bytes(.mebibytes(64)))
    cache.holdBack(cache.bound.maximum / 8)
    cache.resize(to: .bytes(.mebibytes(32)))
    #expect(cache.footprint.heldBack > 0)
    cache.resize(to: .bytes(.mebibytes(8)))
    #expect(cache.footprint.heldBack == 0)
  }

  @Test(.enabled(if: GlibcChunk.isUsed, reason)) func holesAreSeen() throws {
    // 3,000 bytes are beyond malloc's quick lists: a freed block becomes a hole before the one behind it.
    let blocks = (0..<64).map { _ in UnsafeMutableRawPointer.allocate(byteCount: 3000, alignment: 16) }.sorted()
    defer { for (index, block) in blocks.enumerated() where index % 4 != 1 { block.deallocate() } }
    let distances = zip(blocks, blocks.dropFirst()).map { $1 - $0 }
    for index in stride(from: 1, to: 64, by: 4) { blocks[index].deallocate() }
    for index in stride(from: 0, to: 60, by: 4)
    where distances[index..<index + 3].allSatisfy({ $0 == 3008 + 8 || $0 == 3008 }) {
      #expect(GlibcChunk.hole(before: UnsafeRawPointer(blocks[index + 2])).bytes == distances[index + 1])
      #expect(GlibcChunk.hole(before: UnsafeRawPointer(blocks[index + 3])) == GlibcChunk.Hole())
    }
    let mapped = UnsafeMutableRawPointer.allocate(byteCount: 64 << 20, alignment: 16)
    defer { mapped.deallocate() }
    #expect(GlibcChunk.hole(before: UnsafeRawPointer(mapped)) == GlibcChunk.Hole())
  }

  @Test func pagesAreReturnedWhenItPays() {
    func pays(_ most: UInt64, _ entries: UInt64, pages: UInt64 = 0) -> Bool {
      PageReturn.pays(from: most << 20, to: entries << 20, pages: pages << 20, limit: 256 << 20)
    }
    #expect(!pays(256, 256) && !pays(256, 225) && pays(256, 224), "an eighth of the limit")
    #expect(!pays(30, 16) && pays(30, 15) && pays(5, 0) && !pays(3, 0), "half of what there was")
    #expect(pays(256, 256, pages: 32) && !pays(256, 256, pages: 31))
    #expect(!pays(0, 10))
  }

  @Test func theReserveFollowsTheHolesInSteps() {
    func heldBack(_ entries: UInt64, _ holes: UInt64, _ before: UInt64) -> UInt64 {
      HoleEstimate.heldBack(limit: 100_000, entries: entries, holes: holes, before: before)
    }
    #expect(heldBack(90_000, 10_000, 0) == 0, "together they are within the limit")
    #expect(heldBack(100_000, 10_000, 0) == 500)
    #expect(heldBack(97_000, 10_000, 13_900) == 13_900, "twice 7 %, and a tremor")
    #expect(heldBack(90_000, 10_000, 5000) == 4500)
    #expect(heldBack(100_000, .max, 24_600) == 25_000, "a quarter at most")
    #expect(heldBack(0, 0, 300) == 0)
    #expect(HoleEstimate.heldBack(limit: 0, entries: 0, holes: 5, before: 0) == 0)
  }

  @Test func holdingBackEvictsAndLettingGoDoesNot() {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.shards = 4
    let cache = LocalCache<Int, Int>(name: "held", limit: .entries(4000), configuration: configuration)
    for key in 0..<8000 { cache.set(key, for: key) }
    cache.holdBack(1000)
    #expect(cache.count <= 3000 && cache.count > 2900 && cache.limit == .entries(4000))
    for key in 8000..<16_000 {
      cache.set(key, for: key)
      #expect(cache.count <= 3000)
    }
    let before = cache.count
    cache.holdBack(0)
    #expect(cache.count == before)
    for key in 16_000..<24_000 { cache.set(key, for: key) }
    #expect(cache.count <= 4000 && cache.count > 3900)
  }
}
