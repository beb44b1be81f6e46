import Malloc
import ProcessImage
import SwiftMetadata

/// Copies of equal content, of one type.
public struct DuplicateGroup: Sendable, Hashable, Codable {
  public var type: String
  /// Blocks of this type that could be compared, how many of them differ.
  public var blocks, distinct: Int
  /// Bytes that go when each content is kept once, with all that hangs on the copies.
  public var savedBytes: UInt64
}

/// Room of one type of container that nothing uses.
public struct SpareRoom: Sendable, Hashable, Codable {
  public var type: String
  public var containers: Int
  public var entries, slots: UInt64
  public var emptyBytes: UInt64
}

/// The answer of `HeapHolders.waste`.
public struct WasteReport: Sendable, Hashable, Codable {
  public var reachableBytes: UInt64
  /// Largest saving first. The savings of the groups add up: a copy inside a copy is counted once.
  public var duplicates: [DuplicateGroup]
  public var duplicateBytes: UInt64
  /// Largest first.
  public var spare: [SpareRoom]
  public var spareBytes: UInt64
  /// Small views that keep large buffers, largest saving first.
  public var pinned: [PinnedBuffers]
  public var pinnedBytes: UInt64
}

extension HeapHolders {
  /// Equal blocks stored more than once, and unused room in containers. O(bytes of typed blocks).
  public func waste() throws -> WasteReport {
    let duplicates = try duplicateGroups()
    let spare = try spareRoom()
    let pinned = try pinnedBuffers()
    // What was never written takes no memory, and is no waste of it.
    let absent = unwritten?.blocks.reduce(UInt64(0)) { tree.vertex($1.block) == nil ? $0 : $0 &+ $1.bytes } ?? 0
    return WasteReport(
      reachableBytes: reachableBytes - min(absent, reachableBytes), duplicates: duplicates,
      duplicateBytes: duplicates.reduce(0) { $0 + $1.savedBytes }, spare: spare,
      spareBytes: spare.reduce(0) { $0 + $1.emptyBytes }, pinned: pinned,
      pinnedBytes: pinned.reduce(0) { $0 + $1.savedBytes })
  }

  /// Blocks by which look-ups are prepared.
  private static let lookAhead = 16

  private func duplicateGroups() throws(MemoryError) -> [DuplicateGroup] {
    let heap = references.heap
    let contents = try takeContents()
    let repeats = RepeatFilter(count: graph.blockCount)
    for block in 0..<graph.blockCount where tree.vertex(block) != nil {
      if let later = contents.hash(block + Self.lookAhead) { repeats.prefetch(later) }
      if let hash = contents.hash(block) { repeats.add(hash) }
    }
    // In the order of addresses, where neighbours are in the cache together: most blocks are like no other, and need no more than this.
    let mayRepeat = Bitmap(count: tree.count)
    for block in 0..<graph.blockCount {
      if let later = contents.hash(block + Self.lookAhead) { repeats.prefetch(later) }
      if let vertex = tree.vertex(block), let hash = contents.hash(block), repeats.mayRepeat(hash) {
        mayRepeat.insert(vertex)
      }
    }
    var groups = [(blocks: Int, distinct: Int, saved: UInt64)](repeating: (0, 0, 0), count: heap.types.count)
    // What was never written takes no memory, and sharing gives none of it back.
    let absent = unwritten.flatMap { $0.blocks.isEmpty ? nil : unwrittenBelow($0) }
    var seen = Set<UInt64>()
    // A copy takes all that it alone keeps with it, so what lies below is not counted again.
    let isGone = Bitmap(count: tree.count)
    for vertex in 1..<max(tree.count, 1) {
      if isGone.contains(Int(tree.dominators.immediate[vertex])) {
        isGone.insert(vertex)
        continue
      }
      guard mayRepeat.contains(vertex), let hash = contents.hash(tree.node(vertex)), !seen.insert(hash).inserted else {
        continue
      }
      isGone.insert(vertex)
      let type = heap.typeIndex(tree.node(vertex))
      groups[type].blocks += 1
      groups[type].saved += tree.retained[vertex] - min(absent?[vertex] ?? 0, tree.retained[vertex])
    }
    for block in 0..<graph.blockCount {
      guard let vertex = tree.vertex(block), !isGone.contains(vertex), contents.hash(block) != nil else { continue }
      let type = heap.typeIndex(block)
      groups[type].blocks += 1
      groups[type].distinct += 1
    }
    return groups.enumerated().filter { $0.element.saved > 0 }.map { type, group in
      DuplicateGroup(
        type: ContainerNames.readable(heap.types[type]), blocks: group.blocks, distinct: group.distinct,
        savedBytes: group.saved)
    }.sorted { ($0.savedBytes, $1.type) > ($1.savedBytes, $0.type) }
  }

  private func spareRoom() throws(MemoryError) -> [SpareRoom] {
    let heap = references.heap
    var containers: [Int: [UInt32]] = [:]
    for block in 0..<graph.blockCount where tree.vertex(block) != nil {
      switch kind(block) {
      case .arrayStorage, .dictionaryStorage, .setStorage:
        containers[heap.typeIndex(block), default: []].append(UInt32(block))
      default: break
      }
    }
    let reader = ContainerReader(references: references)
    var absent: [Int: UInt64] = [:]
    for (block, bytes) in unwritten?.blocks ?? [] { absent[heap.typeIndex(block), default: 0] &+= bytes }
    var spare: [SpareRoom] = []
    for (type, blocks) in containers {
      guard let summary = try reader.summary(blocks, behind: 0, describesEntries: false) else { continue }
      let empty = summary.emptyBytes - min(absent[type] ?? 0, summary.emptyBytes)
      guard empty > 0 else { continue }
      spare.append(
        SpareRoom(
          type: ContainerNames.readable(heap.types[type]), containers: blocks.count, entries: summary.entries,
          slots: summary.slots, emptyBytes: empty))
    }
    return spare.sorted { ($0.emptyBytes, $1.type) > ($1.emptyBytes, $0.type) }
  }
}
