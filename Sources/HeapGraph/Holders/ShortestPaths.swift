/// Breadth-first parents from the roots: a shortest path to every block.
///
/// Roots of the program's own variables are searched first and whole: a longer path from a global says more than a short one from a
/// stale word on a stack. O(blocks + references); 4 bytes a node.
struct ShortestPaths: Sendable {
  private let parents: FlatArray<UInt32>
  /// Nodes in the order of the search: a parent comes before its children.
  let order: FlatArray<UInt32>
  let count: Int
  private static let none = UInt32.max

  init(_ graph: ReferenceGraph, roots: [NamedRoot]) {
    let nodes = graph.graph.count
    let parents = FlatArray<UInt32>(repeating: Self.none, count: nodes)
    let order = FlatArray<UInt32>(repeating: 0, count: nodes)
    var end = 0
    var position = 0
    // Roots come ordered by rank: one search for each rank.
    var index = 0
    while index < roots.count {
      let rank = roots[index].rank
      while index < roots.count, roots[index].rank == rank {
        let node = graph.blockCount + index
        parents[node] = UInt32(graph.top)
        order[end] = UInt32(node)
        end += 1
        index += 1
      }
      while position < end {
        let node = Int(order[position])
        position += 1
        for edge in graph.graph.edges(of: node) {
          let target = Int(graph.graph.targets[edge])
          if parents[target] == Self.none {
            parents[target] = UInt32(node)
            order[end] = UInt32(target)
            end += 1
          }
        }
      }
    }
    self.parents = parents
    self.order = order
    count = end
  }

  /// For each node the number of the root that its path starts from, `UInt32.max` where nothing leads there. O(nodes).
  func roots(_ graph: ReferenceGraph) -> FlatArray<UInt32> {
    let roots = FlatArray<UInt32>(repeating: Self.none, count: graph.graph.count)
    for position in 0..<count {
      let node = Int(order[position])
      roots[node] = node >= graph.blockCount ? UInt32(node - graph.blockCount) : roots[Int(parents[node])]
    }
    return roots
  }

  /// For each node what is named as its holder: the root from which its path starts or, if that is a library's variable, the first block on the path that
  /// tells something. `UInt32.max` where no path leads. O(nodes).
  ///
  /// - Parameter isTelling: of a block.
  func leaders(_ graph: ReferenceGraph, roots: [NamedRoot], isTelling: (Int) -> Bool) -> FlatArray<UInt32> {
    let leaders = FlatArray<UInt32>(repeating: Self.none, count: graph.graph.count)
    for position in 0..<count {
      let node = Int(order[position])
      guard node < graph.blockCount else {
        leaders[node] = UInt32(node)
        continue
      }
      let parent = Int(parents[node])
      let leader = Int(leaders[parent])
      let isLibrary = leader >= graph.blockCount && roots[leader - graph.blockCount].library != nil
      leaders[node] = UInt32(isLibrary && parent < graph.blockCount && isTelling(parent) ? parent : leader)
    }
    return leaders
  }

  /// The node before this one on the path; nil for the top and for what nothing reaches.
  @inline(__always)
  func parent(_ node: Int) -> Int? {
    let parent = parents[node]
    return parent == Self.none ? nil : Int(parent)
  }
}
