import Foundation
import ProcessImage
import Testing

@testable import Malloc

/// Every layout of glibc from 2.31 to 2.43, made up: what the builder says is live is exactly what the walk finds.
@Suite struct SyntheticTests {
  private func expectExact(
    _ heap: SyntheticGlibc, isMappedInCache: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let walk = try HeapWalk.walk(heap.image)
    var found: [UInt64: UInt64] = [:]
    for index in 0..<walk.blocks.count { found[walk.blocks.address(index)] = walk.blocks.size(index) }
    let missing = heap.live.keys.filter { found[$0] == nil }.sorted()
    let extra = found.keys.filter { heap.live[$0] == nil }.sorted()
    let wrong = heap.live.filter { found[$0.key] != nil && found[$0.key] != $0.value }
    func list(_ addresses: [UInt64]) -> String { "\(addresses.count) \(addresses.prefix(4).map(hex))" }
    func states(_ addresses: [UInt64]) -> String {
      heap.chunks.filter { addresses.contains($0.address + 16) }.prefix(4).map { "\($0.state) \(hex($0.size))" }
        .joined(separator: ", ")
    }
    #expect(
      missing.isEmpty && extra.isEmpty && wrong.isEmpty,
      "\(heap.version.name): missing \(list(missing)), extra \(list(extra)) \(states(extra)), wrong \(wrong.count); \(walk.remarks)",
      sourceLocation: sourceLocation)
    for check in walk.checks where !check.passed {
      Issue.record(
        "\(heap.version.name): \(check.name): expected \(check.expected), found \(check.found); \(walk.remarks)",
        sourceLocation: sourceLocation)
    }
    #expect(walk.allocator == "glibc \(heap.version.name)", sourceLocation: sourceLocation)
    #expect(walk.isExact, sourceLocation: sourceLocation)
    for index in 0..<walk.blocks.count {
      #expect(walk.blocks.head(index) == heap.memory.word(walk.blocks.address(index)))
    }
    #expect(zip(walk.ownedRanges, walk.ownedRanges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
    // No root may be looked for where the allocator keeps its heads, nor inside its heaps.
    for arena in heap.arenas { #expect(walk.ownedRanges.contains { $0.contains(arena + 200) }) }
    for address in heap.live.keys { #expect(walk.ownedRanges.contains { $0.contains(address) }) }
    let structs = heap.cacheStructs.values.sorted()
    if heap.options.hasThreadRegisters {
      #expect(walk.internalBlocks == structs, sourceLocation: sourceLocation)
      #expect(walk.remarks.isEmpty || structs.isEmpty, "\(walk.remarks)", sourceLocation: sourceLocation)
    }
    #expect(walk.arenas.map(\.address) == heap.arenas)
    let arenaBlocks = walk.arenas.reduce(0) { $0 + $1.liveBlocks }
    #expect(arenaBlocks == heap.live.keys.count { $0 < 0x7f70_0000_0000 })
  }

  @Test(arguments: SyntheticVersion.all, 0..<6)
  func everyVersion(version: SyntheticVersion, seed: Int) throws {
    try expectExact(SyntheticGlibc(version, seed: UInt64(seed)))
  }

  @Test(arguments: SyntheticVersion.all)
  func oneArena(version: SyntheticVersion) throws {
    try expectExact(SyntheticGlibc(version, .init(threads: 1, heaps: [], mappedChunks: 0), seed: 7))
  }

  @Test(arguments: SyntheticVersion.all)
  func mainArenaThatWasNeverUsed(version: SyntheticVersion) throws {
    try expectExact(SyntheticGlibc(version, .init(threads: 2, heaps: [2], isMainUsed: false), seed: 8))
  }

  @Test(arguments: SyntheticVersion.all, 0..<3)
  func movedBreak(version: SyntheticVersion, seed: Int) throws {
    try expectExact(
      SyntheticGlibc(version, .init(heaps: [1], breakGaps: [64, 4096, 24, 70_000]), seed: UInt64(seed)))
  }

  @Test(arguments: SyntheticVersion.all)
  func failedBreak(version: SyntheticVersion) throws {
    try expectExact(SyntheticGlibc(version, .init(heaps: [2], mappedPieces: 3), seed: 9))
  }

  @Test(arguments: SyntheticVersion.all.filter { $0.parameters != .beforeHugePages })
  func hugePages(version: SyntheticVersion) throws {
    try expectExact(SyntheticGlibc(version, .init(heaps: [4, 1], hugePageSize: 2 << 20), seed: 10))
  }

  @Test(arguments: SyntheticVersion.all)
  func staticExecutable(version: SyntheticVersion) throws {
    try expectExact(SyntheticGlibc(version, .init(module: "/opt/service/server"), seed: 11))
  }

  @Test(arguments: SyntheticVersion.all)
  func noThreadRegisters(version: SyntheticVersion) throws {
    let heap = SyntheticGlibc(version, .init(hasThreadRegisters: false), seed: 12)
    try expectExact(heap)
    let walk = try HeapWalk.walk(heap.image)
    #expect(walk.remarks.contains { $0.contains("no thread registers") })
    #expect(Set(walk.internalBlocks).isSubset(of: Set(heap.cacheStructs.values)))
  }

  @Test func anImageWithoutAHeapIsRefused() {
    var memory = SyntheticMemory()
    var random = SeededRandom(seed: 1)
    memory.map(0x10000, 0x10000, path: "/bin/true", noise: &random)
    let module = Module(path: "/bin/true", bias: 0, start: 0x10000, end: 0x20000, writableRanges: [0x10000..<0x20000])
    #expect(throws: MallocError.self) { try HeapWalk.walk(memory.image(modules: [module], threads: [])) }
  }
}

/// Mutated heaps: the walk answers or refuses, it never traps and always ends.
@Suite struct MallocFuzzTests {
  @Test(arguments: SyntheticVersion.all)
  func mutatedHeapsNeverTrap(version: SyntheticVersion) throws {
    let options: [SyntheticGlibc.Options] = [
      .init(), .init(heaps: [2], breakGaps: [64, 4096]), .init(hasThreadRegisters: false),
    ]
    for (index, option) in options.enumerated() {
      let heap = SyntheticGlibc(version, option, seed: UInt64(index))
      for round in 0..<25 {
        var random = SeededRandom(seed: UInt64(round * 31 + index))
        var mutated = heap
        mutated.memory.mutate(&random, count: 1 << (round % 12))
        if round % 5 == 4 { mutated.memory.truncate(&random) }
        let start = ContinuousClock.now
        let walk = try? HeapWalk.walk(mutated.image)
        let time = ContinuousClock.now - start
        #expect(time < .seconds(20), "\(version.name) option \(index) round \(round): \(time)")
        // Whatever it found lies in memory that exists.
        if let walk {
          for block in stride(from: 0, to: walk.blocks.count, by: 7) {
            #expect(mutated.memory.regions.contains { $0.mapping.contains(walk.blocks.address(block)) })
          }
        }
      }
    }
  }

  /// Damage aimed at the structures that the walk trusts most.
  @Test(arguments: SyntheticVersion.all)
  func hostileHeadersNeverTrap(version: SyntheticVersion) throws {
    let heap = SyntheticGlibc(version, seed: 3)
    let values: [UInt64] = [0, 1, 0x11, 0x21, 7, .max, .max - 7, 1 << 63, SyntheticGlibc.heapStart, 0x20 | 2]
    var random = SeededRandom(seed: 5)
    var targets: [UInt64] = heap.chunks.filter { _ in random.next() % 150 == 0 }.map { $0.address + 8 }
    for arena in heap.arenas {
      targets += [0, 4, 16, 24, version.layout.top, version.layout.next, version.layout.systemMemory].map {
        arena &+ $0 & ~7
      }
      if arena != heap.arenas[0] { targets += [0, 8, 16].map { arena - version.heapInfoSize + $0 } }
    }
    let anchor = SyntheticGlibc.data + SyntheticGlibc.parametersOffset
    targets += [0, 8, 24].map { anchor + $0 } + [8, 16, 32, 40, 48].map { anchor - $0 }
    for address in heap.cacheStructs.values { targets += [0, 128, 152, 200, 400].map { address + $0 } }
    for target in targets {
      for value in values.shuffled(using: &random).prefix(3) {
        var mutated = heap
        mutated.memory.store(value, at: target)
        _ = try? HeapWalk.walk(mutated.image)
      }
    }
  }
}
