import Malloc
import Synchronization
import Testing

/// The table of live blocks against a list that is searched one by one.
@Suite struct BlockTableTests {
  typealias Block = BlockTable.Block

  private func table(_ blocks: [Block]) -> BlockTable {
    var builder = BlockTable.Builder()
    for block in blocks { builder.append(block) }
    return builder.build()
  }

  /// What the table promises: sorted, later overlapping blocks dropped.
  private func model(_ blocks: [Block]) -> [Block] {
    var result: [Block] = []
    for (_, block) in blocks.enumerated().sorted(by: {
      ($0.element.address, $0.offset) < ($1.element.address, $1.offset)
    }) {
      if let last = result.last, block.address < last.address + max(last.size, 1) { continue }
      result.append(block)
    }
    return result
  }

  private func expectEqual(_ table: BlockTable, _ blocks: [Block], probes: [UInt64]) {
    #expect(table.count == blocks.count)
    guard table.count == blocks.count else { return }
    for (index, block) in blocks.enumerated() {
      #expect(table.address(index) == block.address)
      #expect(table.size(index) == block.size)
      #expect(table.head(index) == block.head)
      #expect(table.index(startingAt: block.address) == (block.size > 0 ? index : -1))
    }
    #expect(table.totalBytes == blocks.reduce(0) { $0 + $1.size })
    for probe in probes {
      let expected = blocks.firstIndex { probe >= $0.address && probe - $0.address < $0.size } ?? -1
      #expect(table.index(containing: probe) == expected, "0x\(String(probe, radix: 16))")
    }
  }

  @Test func anEmptyTableFindsNothing() {
    let empty = table([])
    #expect(empty.count == 0 && empty.totalBytes == 0)
    for address in [UInt64(0), 1, 1 << 40, .max] {
      #expect(empty.index(containing: address) == -1)
      #expect(empty.index(startingAt: address) == -1)
    }
  }

  @Test func edgesOfOneBlock() {
    let one = table([Block(address: 0x1010, size: 24, head: 7)])
    #expect(one.index(containing: 0x100f) == -1)
    #expect(one.index(containing: 0x1010) == 0)
    #expect(one.index(containing: 0x1027) == 0)
    #expect(one.index(containing: 0x1028) == -1)
    #expect(one.index(startingAt: 0x1011) == -1)
    #expect(one.head(0) == 7)
  }

  @Test func blocksThatOverlapAnEarlierOneAreDropped() {
    let blocks = [
      Block(address: 0x2000, size: 64, head: 1), Block(address: 0x2020, size: 8, head: 2),
      Block(address: 0x2000, size: 8, head: 3), Block(address: 0x2040, size: 8, head: 4),
    ]
    expectEqual(table(blocks), model(blocks), probes: [0x2000, 0x2020, 0x203f, 0x2040, 0x2048])
  }

  @Test func impossibleAddressesAreLeftOut() {
    let blocks = [
      Block(address: .max - 7, size: 8, head: 1), Block(address: 1 << 63, size: 1 << 40, head: 2),
      Block(address: 0x1000, size: .max, head: 3), Block(address: 0x5000, size: 16, head: 4),
    ]
    expectEqual(table(blocks), [blocks[3]], probes: [0x1000, 0x5000, .max])
  }

  @Test func sizesAreClampedAt32GiB() {
    let huge = table([Block(address: 0x1000, size: 1 << 40, head: 1)])
    #expect(huge.size(0) == UInt64(UInt32.max) << 3)
    #expect(huge.index(containing: 0x1000 + (1 << 30)) == 0)
  }

  @Test func aBuilderThatIsCopiedKeepsBothApart() {
    var first = BlockTable.Builder()
    for index in 0..<3000 { first.append(address: UInt64(index) * 64 + 0x1000, size: 48, head: UInt64(index)) }
    var second = first
    second.append(address: 0x10, size: 8, head: 9)
    first.append(address: 0x10_0000, size: 8, head: 8)
    let (one, two) = (first.build(), second.build())
    #expect(one.count == 3001 && two.count == 3001)
    #expect(one.index(startingAt: 0x10) == -1 && two.index(startingAt: 0x10) == 0)
    #expect(two.index(startingAt: 0x10_0000) == -1 && one.head(3000) == 8)
  }

  @Test(arguments: 0..<60) func randomHeapsEqualTheModel(seed: Int) {
    var random = SeededRandom(seed: UInt64(seed))
    var blocks: [Block] = []
    var address = UInt64(0x1000)
    for index in 0..<Int.random(in: 1...600, using: &random) {
      let size: UInt64
      switch Int.random(in: 0..<40, using: &random) {
      case 0: size = UInt64.random(in: 0...(3 << 20), using: &random) & ~7
      case 1: size = 0
      default: size = UInt64.random(in: 1...200, using: &random) * 8
      }
      blocks.append(Block(address: address, size: size, head: UInt64(index)))
      let gap: UInt64 =
        Int.random(in: 0..<50, using: &random) == 0 ? UInt64.random(in: 0...(8 << 20), using: &random) : 8
      address += size + (gap & ~7)
    }
    // Some that overlap, some out of order: whole runs, or everything.
    if seed % 3 == 1 {
      let cut = Int.random(in: 0..<blocks.count, using: &random)
      blocks = Array(blocks[cut...] + blocks[..<cut])
    } else if seed % 3 == 2 {
      for _ in 0..<20 {
        guard let block = blocks.randomElement(using: &random) else { continue }
        let inside = block.address + UInt64.random(in: 0...max(block.size, 8), using: &random) & ~7
        blocks.append(Block(address: inside, size: 64, head: 99))
      }
      blocks.shuffle(using: &random)
    }
    var probes: [UInt64] = [0, 0xfff, .max]
    for block in blocks.prefix(200) {
      probes += [block.address &- 1, block.address, block.address + block.size / 2, block.address + block.size]
    }
    for _ in 0..<200 { probes.append(UInt64.random(in: 0...address + 4096, using: &random)) }
    expectEqual(table(blocks), model(blocks), probes: probes)
  }

  private final class Sum: BlockVisitor {
    private let shown = Mutex([Block]())
    var blocks: [Block] { shown.withLock { $0 } }

    func begin() { shown.withLock { $0 = [] } }
    func visit(_ blocks: UnsafeBufferPointer<Block>) { shown.withLock { $0 += blocks } }
  }

  /// Blocks of other sizes are shown and not kept.
  @Test func aBuilderKeepsTheSizesThatAreAskedFor() {
    let blocks = (0..<UInt64(5_000)).map { number in
      Block(address: 0x10000 + number * 8192, size: number % 50 * 8 + 8, head: number)
    }
    let sum = Sum()
    var builder = BlockTable.Builder(keeping: 100...200, visitor: sum)
    for block in blocks { builder.append(block) }
    let kept = blocks.filter { (100...200).contains($0.size) }
    expectEqual(builder.build(), kept, probes: kept.prefix(50).map { $0.address + 4 } + [0, 0x10000, .max])
    #expect(sum.blocks == blocks)
  }
}

/// A small reproducible generator (splitmix64, Steele, Lea and Flood 2014).
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = (seed ^ 0x5851_f42d) &* 0xd134_2543_de82_ef95 }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
