/// A directed graph as a compressed sparse row: 4 bytes a node and 4 a reference, no object a node.
struct CompressedGraph: Sendable {
  /// Node -> first of its edges; `count + 1` entries.
  let first: FlatArray<UInt32>
  let targets: FlatArray<UInt32>

  var count: Int { first.count - 1 }

  /// - Parameter first: offsets into `targets`, ascending, one more than there are nodes.
  init(first: FlatArray<UInt32>, targets: FlatArray<UInt32>) {
    self.first = first
    self.targets = targets
  }

  /// A graph given as lists: `edges[node]` are the targets.
  init(edges: [[Int]]) {
    first = FlatArray(repeating: 0, count: edges.count + 1)
    targets = FlatArray(repeating: 0, count: edges.reduce(0) { $0 + $1.count })
    var position = 0
    for (node, list) in edges.enumerated() {
      for target in list {
        targets[position] = UInt32(target)
        position += 1
      }
      first[node + 1] = UInt32(position)
    }
  }

  /// Edge indices of a node.
  @inline(__always)
  func edges(of node: Int) -> Range<Int> { Int(first[node])..<Int(first[node + 1]) }
}
