import Malloc
import ProcessImage
import TestSupport
import Testing

/// A packed table answers as one with columns does.
struct PackedBlocksTests {
  /// Blocks as malloc lays them out: one behind the other with a header in between, with gaps, large ones, and far apart.
  private func blocks(_ generator: inout SeededGenerator, count: Int) -> [BlockTable.Block] {
    var blocks: [BlockTable.Block] = []
    var address: UInt64 = 0x5555_0000_0010
    for _ in 0..<count {
      var size = UInt64.random(in: 1...12, using: &generator) * 16 + 8
      switch Int.random(in: 0..<200, using: &generator) {
      case 0: address += UInt64.random(in: 1...400_000, using: &generator) * 16
      case 1: size = UInt64.random(in: 1 << 16...1 << 18, using: &generator) * 16
      case 2: size = UInt64.random(in: 1...1 << 12, using: &generator) * 16
      case 3...40: address += UInt64.random(in: 1...40, using: &generator) * 16
      default: break
      }
      blocks.append(BlockTable.Block(address: address, size: size, head: address * 3))
      address = (address + size + 8 + 15) & ~15
    }
    return blocks
  }

  /// - Parameter failed: what each of the two walks shows before it begins anew.
  private func packed(
    _ blocks: [BlockTable.Block], failed: [BlockTable.Block] = []
  ) -> (table: BlockTable?, extents: BlockExtents) {
    var extents = BlockExtents()
    func show(_ body: (UnsafeBufferPointer<BlockTable.Block>) -> Void) {
      for start in stride(from: 0, to: blocks.count, by: 100) {
        blocks[start..<min(start + 100, blocks.count)].withUnsafeBufferPointer(body)
      }
    }
    show { extents.add($0) }
    guard let packer = BlockPacker(extents, memory: ByteMemory()) else { return (nil, extents) }
    packer.begin()
    failed.withUnsafeBufferPointer(packer.addStarts)
    packer.begin()
    show { packer.addStarts($0) }
    _ = packer.settleStarts()
    packer.begin()
    failed.withUnsafeBufferPointer { packer.addEnds($0) { _, _ in } }
    packer.begin()
    show { packer.addEnds($0) { _, _ in } }
    return (packer.build(), extents)
  }

  @Test(arguments: 0..<20)
  func answersAreTheSame(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(seed))
    var all = blocks(&generator, count: [1, 2, 700, 20_000][seed % 4])
    if seed % 3 == 1 {
      // Segments come in another order than that of their addresses.
      let middle = all.count / 2
      all = Array(all[middle...] + all[..<middle])
    }
    var builder = BlockTable.Builder()
    for block in all { builder.append(block) }
    let table = builder.build()
    let (made, extents) = packed(all)
    let packed = try #require(made)
    #expect(packed.count == table.count && packed.totalBytes == table.totalBytes && extents.count == table.count)
    for index in 0..<table.count {
      guard packed.address(index) == table.address(index), packed.size(index) == table.size(index) else {
        Issue.record("block \(index): \(packed.address(index)) and \(table.address(index))")
        break
      }
    }
    // One behind the other, some left out, and now and then from anywhere.
    var cursor = BlockCursor()
    var index = 0
    while index < table.count {
      let extent = packed.extent(index, &cursor)
      guard extent.address == table.address(index), extent.size == table.size(index) else {
        Issue.record("block \(index): \(extent) and \(table.address(index)), \(table.size(index))")
        break
      }
      switch Int.random(in: 0..<10, using: &generator) {
      case 0: index += Int.random(in: 2...40, using: &generator)
      case 1:
        let any = Int.random(in: 0..<table.count, using: &generator)
        #expect(packed.extent(any, &cursor).address == table.address(any))
        index += 1
      default: index += 1
      }
    }
    for _ in 0..<20_000 {
      let block = Int.random(in: 0..<table.count, using: &generator)
      let offset = UInt64.random(in: 0...table.size(block) + 64, using: &generator)
      let address = table.address(block) &- 32 &+ offset
      #expect(packed.index(containing: address) == table.index(containing: address))
      #expect(packed.index(startingAt: address & ~7) == table.index(startingAt: address & ~7))
      #expect(packed.firstIndex(atOrAfter: address) == table.firstIndex(atOrAfter: address))
    }
    for address in [0, 0x1000, table.address(0) - 1, UInt64.max, 1 << 47] {
      #expect(packed.index(containing: address) == table.index(containing: address))
    }
  }

  /// A walk that fails half-way is followed by another one, of another allocator perhaps, which finds other blocks.
  @Test func whatAFailedWalkShowedDoesNotCount() throws {
    let blocks = (0..<1000).map { BlockTable.Block(address: 0x10000 + UInt64($0) * 64, size: 56, head: 0) }
    let wrong = [BlockTable.Block(address: 0x10020, size: 24, head: 0), .init(address: 0x90000, size: 8, head: 0)]
    let table = try #require(packed(blocks, failed: wrong).table)
    #expect(table.count == 1000 && table.totalBytes == 56_000 && table.index(startingAt: 0x10020) == -1)
  }

  @Test func whatCannotBePackedIsNot() {
    let block = BlockTable.Block(address: 0x10000, size: 40, head: 0)
    #expect(packed([block]).table != nil)
    #expect(packed([]).table?.count == 0)
    // No multiple of 16; and blocks that overlap, whose order says nothing.
    #expect(packed([block, BlockTable.Block(address: 0x10038, size: 24, head: 0)]).table == nil)
    let others = [BlockTable.Block(address: 0x20000, size: 40, head: 0), block]
    #expect(packed(others + [BlockTable.Block(address: 0x20010, size: 24, head: 0)]).table == nil)
  }
}
