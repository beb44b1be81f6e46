/// Where sampled blocks were allocated, in the words of who sampled them: the join of a profile with the graph.
public struct AllocationStacks: Sendable {
  private struct Block {
    var size: UInt64
    var stack: Int
  }

  private let texts: [String]
  private let blocks: [UInt64: Block]

  /// - Parameters:
  ///   - texts: stacks in words, `f <- g <- h`.
  ///   - blocks: address that `malloc` returned, bytes that were asked for, index into `texts`.
  public init(texts: [String], blocks: [(address: UInt64, size: UInt64, stack: Int)]) {
    self.texts = texts
    var byAddress: [UInt64: Block] = [:]
    for block in blocks where texts.indices.contains(block.stack) {
      byAddress[block.address] = Block(size: block.size, stack: block.stack)
    }
    self.blocks = byAddress
  }

  public var isEmpty: Bool { blocks.isEmpty }

  /// The stack of a live block; nil where it was not sampled, or is not the block that was: another one may have its address by now.
  @inline(__always)
  func stack(address: UInt64, usableBytes: UInt64) -> Int? {
    guard let block = blocks[address], Self.mayBe(size: block.size, usableBytes: usableBytes) else { return nil }
    return block.stack
  }

  /// Whether a block of `usableBytes` may be the one for which `size` bytes were asked.
  @inline(__always)
  static func mayBe(size: UInt64, usableBytes: UInt64) -> Bool {
    // malloc rounds up to 16 bytes, large blocks to pages; freed neighbours may stay with a large one.
    size <= usableBytes && usableBytes - size < (size < 65_536 ? 64 : 8192)
  }

  /// Blocks by stack, for one group of blocks.
  struct Tally {
    private var counts: [Int: Int] = [:]

    mutating func add(_ stack: Int) { counts[stack, default: 0] += 1 }

    /// The most frequent, at most three.
    func summary(_ stacks: AllocationStacks) -> [AllocatedIn] {
      let sampled = counts.values.reduce(0, +)
      return counts.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(3)
        .map { AllocatedIn(stack: stacks.texts[$0.key], blocks: $0.value, sampled: sampled) }
    }
  }
}

/// Some sampled blocks of a group, and the stack that allocated them.
public struct AllocatedIn: Sendable, Hashable, Codable {
  /// `Store.load(id:) <- handle(_:) <- main`, the innermost function first.
  public var stack: String
  /// Blocks of the group with this stack, and sampled ones in all.
  public var blocks: Int
  public var sampled: Int

  public var text: String {
    blocks == sampled ? "allocated in \(stack)" : "allocated in \(stack) (\(blocks) of \(sampled) sampled blocks)"
  }
}
