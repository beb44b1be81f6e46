import Foundation
import Synchronization

@testable import HeapGraph
@testable import Malloc
@testable import ProcessImage
@testable import SwiftMetadata
@testable import Symbols

/// A program's memory, from a core file that `FUZZ_CORE` names, with changes in the words that are read of it.
enum MemoryTargets {
  /// Words by address that differ from the base.
  private struct Patched: MemoryReader {
    var base: any MemoryReader
    var words: [UInt64: UInt64]

    func read(_ address: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
      try base.read(address, into: buffer)
      guard !buffer.isEmpty else { return }
      let end = address &+ UInt64(buffer.count)
      for (place, word) in words where place &+ 8 > address && place < end {
        for byte in 0..<8 as Range<UInt64> where place + byte >= address && place + byte < end {
          buffer[Int(place + byte - address)] = UInt8(truncatingIfNeeded: word >> (8 * byte))
        }
      }
    }
  }

  /// Notes which pages are read by small reads: structures, not contents.
  private final class Recorder: MemoryReader {
    let base: any MemoryReader
    let places = Mutex<Set<UInt64>>([])
    init(_ base: any MemoryReader) { self.base = base }

    func read(_ address: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
      try base.read(address, into: buffer)
      guard !buffer.isEmpty else { return }
      let last = address &+ UInt64(min(buffer.count, 1 << 16)) &- 1
      places.withLock { places in
        for page in (address >> 12)...(last >> 12) { places.insert(page << 12) }
      }
    }
  }

  private struct Base: @unchecked Sendable {
    var image: ProcessImage
    var symbols: ImageSymbols
    /// Places worth changing, by target.
    var heap: [UInt64] = []
    /// Of these, the words that the walk steers by: the allocator's variables, and the words around chunks.
    var hot: [UInt64] = []
    var metadata: [UInt64] = []
    var heads: [(head: UInt64, address: UInt64, size: UInt64)] = []
  }

  private static let base: Base? = {
    guard let path = getenv("FUZZ_CORE"), let image = try? ProcessImage.core(path: String(cString: path)) else {
      print("FUZZ_CORE has to name a core file")
      return nil
    }
    var base = Base(image: image, symbols: ImageSymbols(image))
    let recorder = Recorder(image.memory)
    var recorded = image
    recorded.memory = recorder
    guard let walk = try? HeapWalk.walk(recorded) else { return nil }
    func words() -> [UInt64] {
      recorder.places.withLock { places in
        defer { places = [] }
        return places.sorted().flatMap { page -> [UInt64] in
          let words = (try? image.memory.words(at: page, count: 512)) ?? []
          return words.indices.filter { words[$0] != 0 }.map { page + 8 * UInt64($0) }
        }
      }
    }
    base.heap = words()
    let variables = image.modules.filter { $0.name.hasPrefix("libc.") }.flatMap(\.writableRanges)
    let starts = (0..<walk.blocks.count).map { walk.blocks.address($0) }
    base.hot =
      base.heap.filter { word in variables.contains { $0.contains(word) } } + starts.map { $0 - 8 }
      + walk.internalBlocks.flatMap { block in (0..<80).map { block + 8 * $0 } }
    let decoder = MetadataDecoder(image: recorded, symbols: NoSymbols())
    var seen: Set<UInt64> = []
    for index in 0..<walk.blocks.count where seen.insert(walk.blocks.head(index)).inserted {
      let (head, address, size) = (walk.blocks.head(index), walk.blocks.address(index), walk.blocks.size(index))
      if decoder.objectType(head: head, address: address, size: size) != nil {
        base.heads.append((head, address, size))
        _ = decoder.taskInfo(at: address)
      }
    }
    base.metadata = words()
    print(
      "\(walk.blocks.count) blocks, \(base.heads.count) types, \(base.heap.count) and \(base.metadata.count) places")
    return base
  }()

  private static func changed(_ base: Base, _ places: [UInt64], _ input: [UInt8]) -> ProcessImage {
    var words: [UInt64: UInt64] = [:]
    for change in FuzzBase.changes(input).prefix(200) {
      // 16 bits do not reach all places: the value's upper half helps.
      let list = change.kind & 8 == 0 || base.hot.isEmpty ? places : base.hot
      let place = list[(change.place &+ Int(change.kind >> 4) << 16) % list.count]
      let old = (try? base.image.memory.load(UInt64.self, at: place)) ?? 0
      words[place] =
        switch change.kind & 7 {
        case 0: change.value
        case 1: old ^ (1 << (change.value & 63))
        case 2: old &+ UInt64(bitPattern: Int64(Int8(truncatingIfNeeded: change.value)))
        case 3: base.heads.isEmpty ? 0 : base.heads[Int(change.value & 0xffff) % base.heads.count].head
        case 4: places[Int(change.value & 0xffff_ffff) % places.count]
        case 5: base.heads.isEmpty ? 0 : base.heads[Int(change.value & 0xffff) % base.heads.count].address
        case 6: old & ~0xffff_ffff | change.value & 0xffff_ffff
        default: old &<< (change.value & 31)
        }
    }
    var image = base.image
    image.memory = Patched(base: base.image.memory, words: words)
    return image
  }

  static func heap(_ input: [UInt8]) {
    guard let base, !base.heap.isEmpty else { exit(66) }
    _ = try? HeapWalk.walk(changed(base, base.heap, input))
  }

  static func metadata(_ input: [UInt8]) {
    guard let base, !base.metadata.isEmpty else { exit(66) }
    let decoder = MetadataDecoder(image: changed(base, base.metadata, input), symbols: NoSymbols())
    for block in base.heads {
      if let type = decoder.objectType(head: block.head, address: block.address, size: block.size),
        case .fixed(let size, let slots) = type.layout
      {
        precondition(slots.allSatisfy { $0.offset >= 0 && $0.offset + 8 <= size })
      }
      _ = decoder.ask { decoder.name(ofMetadata: block.head, depth: 0) }
      _ = decoder.ask { decoder.layout(ofMetadata: block.head, depth: 0) }
      _ = decoder.taskInfo(at: block.address)
      _ = decoder.elementFields(ofStorage: block.head)
    }
  }

  static func analysis(_ input: [UInt8]) {
    guard let base else { exit(66) }
    analyze(changed(base, base.heap + base.metadata, input), base.symbols)
  }

  static func analyze(_ image: ProcessImage, _ symbols: any SymbolSource = NoSymbols()) {
    let options = HeapAnalysis.Options(workerCount: 1, keepsReferences: true)
    guard let analysis = try? HeapInspection.run(image, symbols: symbols, options: options),
      let holders = try? HeapHolders(analysis: analysis, image: image, symbols: symbols, comparesContents: true)
    else { return }
    _ = try? holders.holders(showContents: true)
    _ = try? holders.tasks()
    _ = try? holders.waste()
  }

  /// Descriptions of caches: the whole input is memory that the list begins in.
  static func caches(_ bytes: [UInt8]) {
    var memory = ByteMemory()
    memory.add(bytes, at: 0x7000_0000_0000)
    var reader = LocalCacheReader(memory)
    let starts = stride(from: 0, to: max(0, bytes.count - 7), by: 8).map { 0x7000_0000_0000 + UInt64($0) }
    _ = try? reader.read(anchor: 0x7000_0000_0000, candidates: starts)
  }
}
