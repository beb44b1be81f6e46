import Malloc
import SwiftMetadata

/// Unreachable blocks by their type alone, where there is no room for the references among them. O(blocks).
struct UnfollowedLeaks {
  /// The one with the most bytes first.
  private(set) var groups: [LeakGroup] = []
  private(set) var bytes: UInt64 = 0

  init(heap: TypedHeap, marked: Bitmap, isDoubtful: Bool) {
    let names = BlockNames(heap: heap)
    var content: [String: LeakGroup.Content] = [:]
    var examples: [String: [UInt64]] = [:]
    for block in 0..<heap.blocks.count where !marked.contains(block) {
      let name = names.name(block)
      let size = heap.blocks.size(block)
      bytes &+= size
      content[name, default: .init(type: name, kind: heap.type(block).kind, count: 0, bytes: 0)].add(size)
      if examples[name, default: []].count < LeakGroup.mostExamples {
        examples[name, default: []].append(heap.blocks.address(block))
      }
    }
    let confidence = LeakGroup.Confidence.likely
    groups = content.values.map { content in
      var group = LeakGroup(
        kind: content.kind == .native ? .native : .chain, title: content.type,
        steps: [LeakGroup.Step(type: content.type, field: "")], waitsIn: [], instances: content.count,
        blocks: content.count, bytes: content.bytes, contents: [content], examples: examples[content.type] ?? [],
        confidence: isDoubtful ? confidence.lowered : confidence)
      group.isFollowed = false
      return group
    }.sorted { ($0.bytes, $1.title) > ($1.bytes, $0.title) }
  }
}
