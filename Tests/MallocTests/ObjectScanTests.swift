import Malloc
import ProcessImage
import Testing

/// Heaps of allocators that nobody here can walk.
@Suite struct ObjectScanTests {
  private static let metadata: UInt64 = 0x7f10_0000_0100
  private static let heap: UInt64 = 0x7f20_0000_0000

  private func image(module: String, _ words: [Int: UInt64]) -> ProcessImage {
    var memory = ByteMemory()
    var bytes = [UInt8](repeating: 0, count: 0x4000)
    for (offset, word) in words {
      for byte in 0..<8 { bytes[offset + byte] = UInt8(truncatingIfNeeded: word >> (UInt64(byte) * 8)) }
    }
    memory.add(bytes, at: Self.heap)
    memory.add([UInt8](repeating: 0, count: 0x1000), at: 0x7f10_0000_0000)
    return ProcessImage(
      source: .bytes, pid: nil, name: "test",
      mappings: [
        Mapping(start: 0x7f10_0000_0000, end: 0x7f10_0000_1000, permissions: [.read], inode: 1, path: module),
        Mapping(start: Self.heap, end: Self.heap + 0x4000, permissions: [.read, .write]),
      ],
      modules: [
        Module(path: module, bias: 0, start: 0x7f10_0000_0000, end: 0x7f10_0000_1000, writableRanges: [])
      ], threads: [], memory: memory, files: NoModuleFiles())
  }

  private func size(head: UInt64, address: UInt64, available: UInt64) -> UInt64? {
    head == Self.metadata && available >= 48 ? 48 : nil
  }

  @Test(arguments: [
    ("/usr/lib/libjemalloc.so.2", "jemalloc"), ("/usr/lib/libmimalloc.so.2.1", "mimalloc"),
    ("/lib/ld-musl-x86_64.so.1", "musl malloc"), ("/usr/lib/libtcmalloc_minimal.so.4", "tcmalloc"),
    ("/opt/server", "an unknown allocator"),
  ])
  func objectsAreListedWithoutAStatementAboutLeaks(module: String, name: String) throws {
    let image = image(
      module: module,
      [
        0x40: Self.metadata, 0x48: 3, 0x50: Self.metadata, 0x100: 0x7f10_0000_0200, 0x208: Self.metadata,
        0x3ff0: Self.metadata, 0x1000: Self.metadata,
      ])
    let walk = try HeapWalk.walk(image, objectSize: size)
    #expect(walk.allocator == name)
    #expect(!walk.isExact)
    // 0x50 lies inside the object before it, 0x208 is not aligned, the last one does not fit.
    #expect(walk.blocks.count == 2)
    #expect(walk.blocks.index(startingAt: Self.heap + 0x40) == 0)
    #expect(walk.blocks.index(startingAt: Self.heap + 0x1000) == 1)
    #expect(walk.remarks.contains { $0.contains("leaks cannot be judged") })
  }

  @Test func withoutASizeItIsRefusedByName() {
    let image = image(module: "/usr/lib/libjemalloc.so.2", [:])
    #expect(throws: MallocError.unknownAllocator("jemalloc")) { try HeapWalk.walk(image) }
  }
}
