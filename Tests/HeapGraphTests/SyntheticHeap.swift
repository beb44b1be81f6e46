import Malloc
import ProcessImage
import SwiftMetadata

@testable import HeapGraph

/// A heap in a byte array: blocks of declared types, a page of globals as the only roots.
final class SyntheticHeap: ObjectTypeDecoder {
  static let heapBase: UInt64 = 0x7000_0000_0000
  static let globals: UInt64 = 0x5500_0000_0000
  /// Made-up metadata addresses, one a type, outside the heap.
  static let metadata: UInt64 = 0x5600_0000_0000

  private var bytes: [UInt8] = []
  private var blocks: [BlockTable.Block] = []
  private var typeList: [ObjectType] = []
  private var globalWords = [UInt64](repeating: 0, count: 512)
  private var globalCount = 0
  var threads: [ThreadState] = []
  var blocksInFlight: [UInt64] = []
  /// Beside the program.
  var libraries: [Module] = []
  /// Words of a read-only private page.
  var protectedWords: [UInt64] = []
  static let protected: UInt64 = 0x5400_0000_0000

  /// Declares a type and returns its isa.
  func type(_ kind: ObjectType.Kind, _ name: String, _ layout: ObjectLayout, isOwn: Bool = false) -> UInt64 {
    typeList.append(ObjectType(kind: kind, name: name, layout: layout, isOwn: isOwn))
    return Self.metadata + UInt64(typeList.count - 1) * 64
  }

  /// A class whose fields are strong references at 16, 24, …
  func classType(
    _ name: String, fields: [String], strengths: [ReferenceSlot.Strength] = [], isOwn: Bool = false
  ) -> UInt64 {
    let slots = fields.enumerated().map { index, field in
      ReferenceSlot(
        offset: 16 + 8 * index, strength: index < strengths.count ? strengths[index] : .strong, path: field)
    }
    return type(.class, name, .fixed(size: 16 + 8 * fields.count, slots: slots), isOwn: isOwn)
  }

  /// What containers of strong references store.
  static func reference(to typeName: String) -> ValueLayout {
    ValueLayout(
      typeName: typeName, size: 8, stride: 8, alignment: 8, slots: [ReferenceSlot(offset: 0, strength: .strong)])
  }

  /// Adds a block of `words` (the first is its isa) and returns its address.
  @discardableResult
  func block(_ words: [UInt64]) -> UInt64 {
    // 8 bytes for the size word in front, as glibc has it; blocks are 16-byte aligned.
    while bytes.count % 16 != 0 { bytes.append(0) }
    let address = Self.heapBase + UInt64(bytes.count)
    for word in words { withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) } }
    blocks.append(BlockTable.Block(address: address, size: UInt64(words.count * 8), head: words.first ?? 0))
    bytes.append(contentsOf: [UInt8](repeating: 0, count: 8))
    return address
  }

  /// Overwrites the word at `offset` bytes of a block.
  func store(_ word: UInt64, in block: UInt64, at offset: Int) {
    let start = Int(block - Self.heapBase) + offset
    withUnsafeBytes(of: word.littleEndian) { source in
      for (index, byte) in source.enumerated() { bytes[start + index] = byte }
    }
  }

  /// A global variable that refers to `word`.
  func root(_ word: UInt64) {
    globalWords[globalCount] = word
    globalCount += 1
  }

  func objectType(head: UInt64, address: UInt64, size: UInt64) -> ObjectType? {
    guard head >= Self.metadata, (head - Self.metadata) / 64 < UInt64(typeList.count) else { return nil }
    return typeList[Int((head - Self.metadata) / 64)]
  }

  func analysis(
    isExact: Bool = true, source: ProcessImage.Source = .bytes, workers: Int = 2,
    context: HeapAnalysis.Context = HeapAnalysis.Context(), failingCheck: Bool = false
  ) throws -> HeapAnalysis {
    let (image, walk) = imageAndWalk(isExact: isExact, source: source, failingCheck: failingCheck)
    return try HeapAnalysis(
      image: image, walk: walk, decoder: self, context: context, options: .init(workerCount: workers))
  }

  /// The analysis with what questions about holders need, and its image.
  func keepingReferences(
    isExact: Bool = true, context: HeapAnalysis.Context = HeapAnalysis.Context(), workers: Int = 2
  ) throws -> (HeapAnalysis, ProcessImage) {
    let (image, walk) = imageAndWalk(isExact: isExact)
    let analysis = try HeapAnalysis(
      image: image, walk: walk, decoder: self, context: context,
      options: .init(workerCount: workers, keepsReferences: true))
    return (analysis, image)
  }

  private func imageAndWalk(
    isExact: Bool = true, source: ProcessImage.Source = .bytes, failingCheck: Bool = false
  ) -> (ProcessImage, HeapWalk) {
    // In any order: the table sorts.
    var builder = BlockTable.Builder()
    for block in blocks { builder.append(block) }
    var memory = ByteMemory()
    while bytes.count % 4096 != 0 { bytes.append(0) }
    memory.add(bytes, at: Self.heapBase)
    memory.add(globalWords.flatMap { word in withUnsafeBytes(of: word.littleEndian) { Array($0) } }, at: Self.globals)
    memory.add(
      (protectedWords + [UInt64](repeating: 0, count: 512 - protectedWords.count)).flatMap { word in
        withUnsafeBytes(of: word.littleEndian) { Array($0) }
      }, at: Self.protected)
    let heapRange = Self.heapBase..<Self.heapBase + UInt64(bytes.count)
    let walk = HeapWalk(
      allocator: "test", isExact: isExact, blocks: builder.build(),
      checks: failingCheck ? [HeapWalk.SelfCheck(name: "chunk chain", expected: 1, found: 2)] : [],
      // Who does not know the allocator knows no memory of its own.
      ownedRanges: isExact ? [heapRange] : [], blocksInFlight: blocksInFlight)
    let image = ProcessImage(
      source: source, pid: nil, name: "test",
      mappings: [
        Mapping(start: Self.protected, end: Self.protected + 4096, permissions: .read),
        Mapping(start: Self.globals, end: Self.globals + 4096, permissions: [.read, .write], path: "/bin/test"),
        Mapping(start: heapRange.lowerBound, end: heapRange.upperBound, permissions: [.read, .write]),
      ],
      modules: [
        Module(
          path: "/bin/test", bias: 0, start: Self.globals, end: Self.globals + 4096,
          writableRanges: [Self.globals..<Self.globals + 4096])
      ] + libraries,
      threads: threads, memory: memory, files: NoModuleFiles())
    return (image, walk)
  }
}
