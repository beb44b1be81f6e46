import HeapGraph

/// The tree of holders as flat nodes, for formats of other tools. Every node has its own bytes, and these add up to the reachable bytes.
struct HolderGraph {
  struct Node {
    var name: String
    /// Index of the parent; nil for the top.
    var parent: Int?
    /// Field of the parent that leads here.
    var field: String
    var ownBytes: UInt64
    var objects: UInt64
  }

  /// Parents come before their children; the first is the top.
  private(set) var nodes: [Node]

  init(_ report: HolderReport) {
    nodes = [Node(name: "(roots)", parent: nil, field: "", ownBytes: 0, objects: 0)]
    for holder in report.holders { add(holder, below: 0) }
    addRest(report.otherCount, report.otherBytes, below: 0)
  }

  private mutating func add(_ holder: Holder, below parent: Int) {
    let index = nodes.count
    let isRoot = holder.kind == .root
    nodes.append(
      Node(
        name: isRoot || holder.kind == .shared ? RetainedText.stableTitle(holder) : holder.name, parent: parent,
        field: holder.field, ownBytes: holder.ownBytes, objects: isRoot ? 0 : UInt64(max(0, holder.count))))
    for child in holder.children { add(child, below: index) }
    addRest(holder.otherCount, holder.otherBytes, below: index)
  }

  private mutating func addRest(_ count: Int, _ bytes: UInt64, below parent: Int) {
    guard bytes > 0 else { return }
    nodes.append(
      Node(
        name: "(smaller holders)", parent: parent, field: "", ownBytes: bytes, objects: UInt64(max(0, count))))
  }

  /// Names from the node up to below the top.
  func stack(_ index: Int) -> [String] {
    var names: [String] = []
    var current = index
    while let parent = nodes[current].parent {
      names.append(nodes[current].name)
      current = parent
    }
    return names
  }
}
