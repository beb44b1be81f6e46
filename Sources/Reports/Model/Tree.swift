import HeapGraph
import Measurement

extension ReportModel {
  /// A whole and its parts, each of which has parts again: who holds memory, or the stacks of a profile.
  public struct Tree: Codable, Hashable, Sendable {
    /// What values count: `bytes`, `blocks`, `samples`.
    public var unit: String
    public var root: Node

    /// A box of the drawing.
    public struct Node: Codable, Hashable, Sendable {
      public var name: String
      /// The field of the parent that leads here; nil where there is none.
      public var field: String?
      /// With all that lies inside, so at least the sum of the children's.
      public var value: UInt64
      /// Blocks of this kind.
      public var count: UInt64?
      /// What else is known of it, a sentence or two: entries of a container, for instance.
      public var note: String?
      /// Largest first.
      public var children: [Node]

      public init(
        name: String, field: String? = nil, value: UInt64, count: UInt64? = nil, note: String? = nil,
        children: [Node] = []
      ) {
        self.name = name
        self.field = field
        self.value = value
        self.count = count
        self.note = note
        self.children = children
      }
    }

    public init(unit: String, root: Node) {
      self.unit = unit
      self.root = root
    }
  }
}

extension ReportModel.Tree {
  /// The dominator tree, merged by shape: every holder with what would go with it.
  public init(_ report: HolderReport) {
    unit = "bytes"
    root = Node(
      name: "reachable memory", value: report.reachableBytes,
      note: "\(Count(report.reachableBlocks).of("block")) to which a pointer leads",
      children: Self.children(report.holders, report.otherCount, report.otherBytes))
  }

  private static func node(_ holder: Holder) -> Node {
    let notes = holder.container.map { ContainerText.lines($0).prefix(3) } ?? []
    let isNamed = holder.kind == .root || holder.kind == .shared
    return Node(
      name: isNamed ? RetainedText.stableTitle(holder) : holder.name, field: holder.field.isEmpty ? nil : holder.field,
      value: holder.retainedBytes, count: holder.kind == .root ? nil : UInt64(max(holder.count, 0)),
      note: notes.isEmpty ? nil : notes.joined(separator: "; "),
      children: children(holder.children, holder.otherCount, holder.otherBytes))
  }

  private static func children(_ holders: [Holder], _ otherCount: Int, _ otherBytes: UInt64) -> [Node] {
    var nodes = holders.map(node)
    if otherBytes > 0 {
      nodes.append(Node(name: "smaller holders", value: otherBytes, count: UInt64(max(otherCount, 0))))
    }
    return nodes
  }

  /// With at most about `limit` parts: the smallest go into their parents, which keep their sizes.
  ///
  /// - Complexity: O(n log n).
  func folded(to limit: Int) -> ReportModel.Tree {
    var values: [UInt64] = []
    func collect(_ node: Node) {
      values.append(node.value)
      for child in node.children { collect(child) }
    }
    collect(root)
    guard values.count > limit, limit > 0 else { return self }
    values.sort(by: >)
    let cut = values[limit - 1]
    var left = limit
    func fold(_ node: Node) -> Node {
      var result = node
      left -= 1
      result.children = []
      for child in node.children where child.value >= cut && left > 0 { result.children.append(fold(child)) }
      return result
    }
    return ReportModel.Tree(unit: unit, root: fold(root))
  }
}
