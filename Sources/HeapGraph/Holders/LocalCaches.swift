import Malloc
import ProcessImage
import SwiftMetadata
import Symbols

/// The caches of an image, found by the name of their list and by their magic number.
///
/// Blocks of malloc by their first word, which the walk knows already: O(blocks), without reading. The list by its symbol, for what lies
/// outside the heap that was walked.
extension LocalCacheReader {
  static func find(
    _ image: ProcessImage, blocks: BlockTable, symbols: any SymbolSource
  ) throws(MemoryError) -> Found {
    var reader = LocalCacheReader(image.memory)
    var found = try reader.read(
      anchor: symbols.address(of: LocalCacheLayout.anchorSymbol), candidates: candidates(blocks))
    found.sort()
    return found
  }

  private static func candidates(_ blocks: BlockTable) -> [UInt64] {
    // Sizes first: first words of packed blocks are read from the image.
    (0..<blocks.count).filter {
      blocks.size($0) >= LocalCacheLayout.Block.smallestSize && blocks.head($0) == LocalCacheLayout.blockMagic
    }.map { blocks.address($0) }
  }

  /// Types the descriptions, before marking: they name shards and each other, and keep neither. As unknown blocks they would lead from the list
  /// to the contents of every cache, so that no variable alone held one, and a cache that leaks were reachable.
  static func type(_ heap: TypedHeap, memory: any MemoryReader) throws(MemoryError) {
    var reader = LocalCacheReader(memory)
    let found = try reader.read(anchor: nil, candidates: candidates(heap.blocks))
    guard !found.blocks.isEmpty else { return }
    let description = heap.addType(ObjectType(kind: .native, name: "LocalCache description", layout: .none))
    let shards = heap.addType(ObjectType(kind: .native, name: "LocalCache shards", layout: .conservative))
    for (addresses, type) in [(found.blocks, description), (Array(found.byShards.keys), shards)] {
      for address in addresses {
        let index = heap.blocks.index(startingAt: address)
        if index >= 0, heap.typeIndex(index) == TypedHeap.unknown { heap.retype(index, type) }
      }
    }
  }
}

extension LocalCacheReader.Found {
  /// Most entries first, so that equal images give equal answers.
  fileprivate mutating func sort() {
    let order = caches.indices.sorted {
      (caches[$0].entries, caches[$1].name, caches[$1].address)
        > (caches[$1].entries, caches[$0].name, caches[$0].address)
    }
    var place = [Int](repeating: 0, count: order.count)
    for (new, old) in order.enumerated() { place[old] = new }
    caches = order.map { caches[$0] }
    byShards = byShards.mapValues { place[$0] }
  }
}

/// Objects of the class LocalCache as containers: they refer to their first shard, which their description names too.
extension ContainerReader {
  /// Words of an object that are looked at.
  private static let objectBytes: UInt64 = 512

  /// - Returns: nil where none of the blocks is a cache that was found.
  func cacheSummary(_ blocks: [UInt32], behind: UInt64) throws(MemoryError) -> ContainerSummary? {
    guard !caches.caches.isEmpty, let first = blocks.first, heap.type(Int(first)).name.contains("LocalCache<") else {
      return nil
    }
    var summary = ContainerSummary(
      kind: .localCache, keyType: nil, valueType: nil, containers: 0, entries: 0, slots: 0, inlineBytes: 0,
      behindBytes: behind, emptyBytes: 0)
    let window = MemoryWindow(references.memory)
    var seen: Set<Int> = []
    for block in blocks {
      let address = heap.blocks.address(Int(block))
      let size = heap.blocks.size(Int(block))
      summary.inlineBytes += size
      let end = address + min(size & ~7, Self.objectBytes)
      guard try window.load(address..<end) else { continue }
      for word in stride(from: address, to: end, by: 8) {
        guard let index = caches.byShards[window.word(word)] else { continue }
        // Once each, so that a torn heap cannot add up without bound.
        guard seen.insert(index).inserted else { break }
        summary.containers += 1
        summary.entries += caches.caches[index].entries
        break
      }
    }
    summary.slots = summary.entries
    return summary.containers > 0 ? summary : nil
  }
}
