import Malloc
import ProcessImage
import SwiftMetadata

/// The unreachable blocks and the references among them, as a compressed sparse row graph.
///
/// Nodes are numbered 0..<count in address order; 4 bytes a node and 12 a reference.
struct UnreachableGraph {
  /// What the graph takes, and grouping by it, of nodes with some references each.
  static let bytesPerNode: UInt64 = 160

  /// Block index of each node, ascending.
  let nodes: [UInt32]
  /// Node -> first of its edges; `count + 1` entries.
  private(set) var firstEdge: [UInt32]
  private(set) var targets: [UInt32] = []
  /// Offset in the source block of each edge's word, in bytes.
  private(set) var offsets: [UInt64] = []

  var count: Int { nodes.count }

  /// Scans every unreachable block once.
  init(nodes: [UInt32], scanner: inout BlockScanner) throws(MemoryError) {
    self.nodes = nodes
    var sink = EdgeSink(nodes: nodes, heap: scanner.heap)
    try scanner.scan(count: nodes.count, { Int(nodes[$0]) }, into: &sink)
    // Blocks were scanned in ascending order, so the edges are sorted by source.
    firstEdge = []
    firstEdge.reserveCapacity(nodes.count + 1)
    targets.reserveCapacity(sink.edges.count)
    offsets.reserveCapacity(sink.edges.count)
    var edge = 0
    for node in 0..<nodes.count {
      firstEdge.append(UInt32(targets.count))
      while edge < sink.edges.count && Int(sink.edges[edge].source) == node {
        let (target, offset) = (sink.edges[edge].target, sink.edges[edge].offset)
        edge += 1
        if Int(target) == node, try !scanner.holdsItself(Int(nodes[node]), offset: offset) { continue }
        targets.append(target)
        offsets.append(offset)
      }
    }
    firstEdge.append(UInt32(targets.count))
  }

  /// A graph given as lists, for tests: `edges[node]` are the targets.
  init(edges: [[Int]]) {
    nodes = (0..<UInt32(edges.count)).map { $0 }
    firstEdge = [0]
    for list in edges {
      for target in list {
        offsets.append(UInt64(16 + 8 * (offsets.count)))
        targets.append(UInt32(target))
      }
      firstEdge.append(UInt32(targets.count))
    }
  }

  /// The same nodes with the edges that stay. O(nodes + edges).
  func keeping(_ stays: (_ source: Int, _ target: Int) -> Bool) -> UnreachableGraph {
    var result = self
    result.firstEdge = []
    result.targets = []
    result.offsets = []
    for node in 0..<count {
      result.firstEdge.append(UInt32(result.targets.count))
      for edge in edges(of: node) where stays(node, Int(targets[edge])) {
        result.targets.append(targets[edge])
        result.offsets.append(offsets[edge])
      }
    }
    result.firstEdge.append(UInt32(result.targets.count))
    return result
  }

  /// The nodes to which a path leads from one of these, those included. O(nodes + edges).
  func reached(from starts: [Int]) -> [Bool] {
    var isReached = [Bool](repeating: false, count: count)
    var stack = starts
    for node in starts { isReached[node] = true }
    while let node = stack.popLast() {
      for edge in edges(of: node) where !isReached[Int(targets[edge])] {
        isReached[Int(targets[edge])] = true
        stack.append(Int(targets[edge]))
      }
    }
    return isReached
  }

  /// Edge indices of a node.
  func edges(of node: Int) -> Range<Int> { Int(firstEdge[node])..<Int(firstEdge[node + 1]) }
}

private struct EdgeSink: ReferenceSink {
  struct Edge {
    var source, target: UInt32
    var offset: UInt64
  }

  let nodes: [UInt32]
  let heap: TypedHeap
  var edges: [Edge] = []
  /// References of one block come together: its node is looked up once.
  private var lastSource = -1
  private var lastNode = 0

  init(nodes: [UInt32], heap: TypedHeap) {
    self.nodes = nodes
    self.heap = heap
  }

  private func node(_ block: Int) -> Int? { nodes.sortedIndex(of: UInt32(block)) }

  mutating func reference(from source: Int, offset: UInt64, to target: Int, _ strength: ReferenceSlot.Strength) {
    // Unowned references keep nothing, so they tie no cycle; a side table hangs on its object.
    guard strength != .unowned, source != target || canHoldItself(source, strength), let targetNode = node(target)
    else {
      return
    }
    if source != lastSource {
      guard let sourceNode = node(source) else { return }
      lastSource = source
      lastNode = sourceNode
    }
    edges.append(Edge(source: UInt32(lastNode), target: UInt32(targetNode), offset: offset))
  }

  /// Memory without a type points into itself for many reasons (list heads, small buffers); an object's field does not. What a field
  /// of unknown type holds may be a reference, too: of a class without reflection metadata, of a type that cannot be copied.
  private func canHoldItself(_ source: Int, _ strength: ReferenceSlot.Strength) -> Bool {
    switch strength {
    case .strong: true
    case .ambiguous: [.class, .closureContext, .box].contains(heap.type(source).kind)
    case .unowned, .weak, .pointer, .number: false
    }
  }
}
