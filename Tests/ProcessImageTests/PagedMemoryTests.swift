import Synchronization
import Testing

@testable import ProcessImage

@Suite struct PagedMemoryTests {
  /// Counts what reaches it.
  private final class Counting: MemoryReader {
    let base: ByteMemory
    let reads = Mutex(0)
    init(_ base: ByteMemory) { self.base = base }
    func read(_ address: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
      reads.withLock { $0 += 1 }
      try base.read(address, into: buffer)
    }
  }

  private static let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

  private static func memory() -> Counting {
    var base = ByteMemory()
    base.add(bytes, at: 0x10000)
    return Counting(base)
  }

  @Test func answersAreTheBases() throws {
    let base = Self.memory()
    let paged = PagedMemory(base, pageCount: 8)
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<3000 {
      let address = UInt64.random(in: 0xff00..<0x10000 + 201_000, using: &generator)
      let count = Int.random(in: 0...9000, using: &generator)
      let expected = try? base.base.bytes(at: address, count: count)
      #expect((try? paged.bytes(at: address, count: count)) == expected)
    }
  }

  @Test func onePageIsReadOnce() throws {
    let base = Self.memory()
    let paged = PagedMemory(base)
    for offset in stride(from: UInt64(0), to: 4088, by: 8) { _ = try paged.load(UInt64.self, at: 0x10000 + offset) }
    #expect(base.reads.withLock { $0 } == 1)
  }

  @Test func hostileAddresses() {
    let paged = PagedMemory(Self.memory())
    for address: UInt64 in [.max, .max - 7, .max - 4096, 0] {
      #expect(throws: MemoryError.self) { try paged.bytes(at: address, count: 8) }
    }
  }
}
