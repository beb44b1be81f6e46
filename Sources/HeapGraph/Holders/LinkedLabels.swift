import ProcessImage
import SwiftMetadata

/// By which field of their dominator blocks hang there to which no word of it leads: nodes of a container that link each other, as those of a `std::map` in a
/// Swift class do, are reached by its root and by its first and last node, and belong to the container's field all the same.
///
/// A node belongs to a field if the nodes that lead to it do, and all to the same one. O(references among the dominator's children).
struct LinkedLabels {
  let tree: DominatorTree
  let labels: FlatArray<UInt32>
  static let unlabelled = UInt32.max

  /// What is known of a node that has no label of its own.
  private enum Found: Equatable {
    case label(UInt32)
    case several
  }

  /// - Parameter parents: vertices of objects with fields, whose children have been labelled by the words that lead to them.
  func complete(below parents: [UInt32], scanner: inout BlockScanner, references: HeapReferences) throws(MemoryError) {
    var children: [UInt32] = []
    for parent in parents {
      let start = children.count
      var isComplete = true
      var hasFields = false
      tree.forEachChild(of: Int(parent)) { child in
        children.append(UInt32(child))
        let label = labels[child]
        if label == Self.unlabelled {
          isComplete = false
        } else if EdgeLabel(raw: label).place == .field {
          hasFields = true
        }
      }
      if isComplete || !hasFields { children.removeSubrange(start...) }
    }
    guard !children.isEmpty else { return }
    let blocks = children.map { UInt32(tree.node(Int($0))) }.filter { !references.isLeaf(Int($0)) }.sorted()
    var sink = SiblingSink(tree: tree, labels: labels)
    try scanner.scan(count: blocks.count, { Int(blocks[$0]) }, into: &sink)
    spread(sink.links)
  }

  private func spread(_ links: [(source: UInt32, target: UInt32)]) {
    let next = Dictionary(grouping: links.indices) { links[$0].source }
    var found: [UInt32: Found] = [:]
    var pending = Array(next.keys).filter { labels[Int($0)] != Self.unlabelled }.sorted()
    while let vertex = pending.popLast() {
      let label = labels[Int(vertex)]
      guard let value = label == Self.unlabelled ? found[vertex] : .label(label) else { continue }
      for link in next[vertex] ?? [] {
        let target = links[link].target
        let merged = found[target].map { $0 == value ? $0 : .several } ?? value
        if found[target] != merged {
          found[target] = merged
          pending.append(target)
        }
      }
    }
    for (vertex, value) in found {
      if case .label(let label) = value, EdgeLabel(raw: label).place == .field { labels[Int(vertex)] = label }
    }
  }

  /// References from one child of an object to another that has no label.
  private struct SiblingSink: ReferenceSink {
    let tree: DominatorTree
    let labels: FlatArray<UInt32>
    var links: [(source: UInt32, target: UInt32)] = []

    mutating func reference(from source: Int, offset: UInt64, to target: Int, _ strength: ReferenceSlot.Strength) {
      guard strength != .unowned, source != target, let to = tree.vertex(target), labels[to] == LinkedLabels.unlabelled,
        let from = tree.vertex(source), tree.dominators.immediate[from] == tree.dominators.immediate[to]
      else { return }
      links.append((UInt32(from), UInt32(to)))
    }
  }
}
