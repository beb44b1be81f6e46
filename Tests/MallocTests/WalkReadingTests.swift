import ProcessImage
import Testing

@testable import Malloc

/// How the walk reads, because each read costs: how often, and how much.
@Suite struct WalkReadingTests {
  /// Counts what is read.
  private final class CountingMemory: MemoryReader, @unchecked Sendable {
    let base: ByteMemory
    private(set) var bytes = 0
    private(set) var reads = 0
    init(_ base: ByteMemory) { self.base = base }
    func read(_ address: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
      bytes += buffer.count
      reads += 1
      try base.read(address, into: buffer)
    }
  }

  private static let start: UInt64 = 0x5555_0000_0000

  /// One chain of `count` live chunks of `size` bytes.
  private func chain(count: Int, size: UInt64) -> (memory: CountingMemory, end: UInt64) {
    let total = count * Int(size) + 32
    var bytes = [UInt8](repeating: 0, count: total)
    bytes.withUnsafeMutableBytes { raw in
      for index in 0..<count {
        raw.storeBytes(of: size | 1, toByteOffset: index * Int(size) + 8, as: UInt64.self)
        raw.storeBytes(of: UInt64(index), toByteOffset: index * Int(size) + 16, as: UInt64.self)
      }
      raw.storeBytes(of: 0x21, toByteOffset: count * Int(size) + 8, as: UInt64.self)
    }
    var memory = ByteMemory()
    memory.add(bytes, at: Self.start)
    return (CountingMemory(memory), Self.start + UInt64(count) * size)
  }

  private func walk(_ memory: CountingMemory, end: UInt64) -> (blocks: BlockTable, outcome: ChunkWalk.Outcome) {
    let walk = ChunkWalk(window: WalkWindow(memory), cached: [])
    var builder = BlockTable.Builder()
    let outcome = walk.walk(from: Self.start, end: .top(end), limit: end + 32, stopsAtFence: false, into: &builder)
    return (builder.build(), outcome)
  }

  @Test func smallBlocksAreReadInLargePieces() {
    let count = 400_000
    let (memory, end) = chain(count: count, size: 48)
    let (blocks, outcome) = walk(memory, end: end)
    #expect(outcome.end == .complete && blocks.count == count)
    #expect(blocks.head(count - 1) == UInt64(count - 1))
    #expect(memory.reads < 60 && memory.bytes < count * 48 + (1 << 21))
  }

  @Test func largeBlocksAreNotReadAtAll() {
    let count = 5_000
    let (memory, end) = chain(count: count, size: 27_008)
    let (blocks, outcome) = walk(memory, end: end)
    #expect(outcome.end == .complete && blocks.count == count)
    #expect(memory.bytes < count * 300, "\(memory.bytes) bytes read of \(count * 27_008)")
  }
}
