import Malloc
import ProcessImage
import SwiftMetadata

/// A place in the program whose words point into memory outside the heap.
public struct OutsidePointers: Sendable, Hashable, Codable {
  /// A variable, or a field: `Pool.pages[…]`.
  public var place: String
  /// Of a field: the variable that leads to the object which has it; nil where that is not known.
  public var root: String?
  public var pointers: Int

  public init(place: String, root: String? = nil, pointers: Int) {
    self.place = place
    self.root = root
    self.pointers = pointers
  }
}

extension HeapHolders {
  /// Who points into mappings that the allocator does not own, as memory pools do: variables and fields, most pointers first, at most three.
  ///
  /// Any word that could be such an address counts, where the type of a block allows for a raw pointer or is not known. Words of stacks do not:
  /// they come and go. O(bytes of these blocks + data of modules).
  public func pointers(into ranges: [Range<UInt64>]) throws -> [OutsidePointers] {
    guard let lowest = ranges.map(\.lowerBound).min(), let highest = ranges.map(\.upperBound).max() else { return [] }
    func isInside(_ word: UInt64) -> Bool {
      word >= lowest && word < highest && ranges.contains { $0.contains(word) }
    }
    var variables: [NamedRoot: Int] = [:]
    try rootNames.forEachWord(where: isInside) { variables[$0, default: 0] += 1 }
    var found = variables.filter { $0.key.kind != .runtime }.map {
      OutsidePointers(place: $0.key.title, pointers: $0.value)
    }
    found += try fields(where: isInside)
    return Array(found.sorted { ($0.pointers, $1.place) > ($1.pointers, $0.place) }.prefix(3))
  }

  private struct Place: Hashable {
    var type: UInt64
    var label: EdgeLabel
  }

  private func fields(where isInside: (UInt64) -> Bool) throws -> [OutsidePointers] {
    let heap = references.heap
    let mayPoint = heap.types.map { Self.mayPointOutside($0.layout) }
    var blocks: [UInt32] = []
    for block in 0..<graph.blockCount where mayPoint[heap.typeIndex(block)] && tree.vertex(block) != nil {
      blocks.append(UInt32(block))
    }
    var places: [Place: (count: Int, block: Int)] = [:]
    let window = MemoryWindow(references.memory)
    for block in blocks.map(Int.init) {
      let end = heap.blocks.address(block) &+ heap.blocks.size(block) & ~7
      var start = heap.blocks.address(block) &+ 8
      while start < end {
        let next = min(end, start &+ UInt64(MemoryWindow.capacity))
        defer { start = next }
        guard try window.load(start..<next) else { continue }
        for address in stride(from: start, to: next, by: 8) where isInside(window.word(address)) {
          let place = Place(type: typeKey(block), label: labels.label(block, address &- heap.blocks.address(block)))
          places[place, default: (0, block)].count += 1
        }
      }
    }
    let most = places.sorted { ($0.value.count, $1.value.block) > ($1.value.count, $0.value.block) }.prefix(3)
    let owners = try leadingFields(of: most.map { heap.blocks.address($0.value.block) })
    return most.compactMap { place, value in
      // Of memory without a type there is but the variable that leads there.
      if heap.typeIndex(value.block) == TypedHeap.unknown {
        return leader(of: value.block).map { OutsidePointers(place: $0, pointers: value.count) }
      }
      let field = labels.text(value.block, place.label)
      let owner = field.hasPrefix("[") ? owners[heap.blocks.address(value.block)]?.name : nil
      return OutsidePointers(
        place: (owner ?? name(value.block)) + field, root: leader(of: value.block), pointers: value.count)
    }
  }

  private static func mayPointOutside(_ layout: ObjectLayout) -> Bool {
    switch layout {
    case .conservative: return true
    case .none, .string, .taskSlab, .task, .sideTable: return false
    case .fixed, .array, .ring, .hashTable, .hashNode:
      return layout.slots.contains {
        switch $0.strength {
        case .pointer, .ambiguous, .number: true
        case .strong, .unowned, .weak: false
        }
      }
    }
  }
}
