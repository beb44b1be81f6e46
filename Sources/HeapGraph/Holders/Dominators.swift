/// Immediate dominators of a graph: d dominates v if every path from the root to v goes through d.
///
/// The Semi-NCA algorithm: L. Georgiadis, "Linear-Time Algorithms for Dominators and Related Problems", PhD thesis, Princeton
/// 2005, chapter 2.3, with the semidominators of T. Lengauer and R. E. Tarjan, "A Fast Algorithm for Finding Dominators in a
/// Flowgraph", TOPLAS 1(1), 1979. Path compression without balancing; iterative throughout, since heaps hold
/// lists of millions of links. O(references x log blocks) at worst, linear on heaps met in practice.
///
/// Memory while it runs: 24 bytes a node and 8 a reference beside the graph; 12 bytes a node stay.
struct Dominators: Sendable {
  /// Preorder number -> node; `count` entries are in use.
  let order: FlatArray<UInt32>
  /// Node -> preorder number, `unreached` where the root does not lead.
  let number: FlatArray<UInt32>
  /// Preorder number -> that of the immediate dominator; 0 for the root itself.
  let immediate: FlatArray<UInt32>
  /// Nodes that the root reaches, itself included.
  let count: Int

  static let unreached = UInt32.max

  init(_ graph: CompressedGraph, root: Int) {
    let nodes = graph.count
    let number = FlatArray<UInt32>(repeating: Self.unreached, count: nodes)
    let order = FlatArray<UInt32>(repeating: 0, count: nodes)
    // Parent in the depth-first tree at first; compressed to the lowest linked ancestor later.
    let ancestor = FlatArray<UInt32>(repeating: 0, count: nodes)
    let reached = Self.search(graph, from: root, number: number, order: order, parent: ancestor)
    count = reached
    self.number = number
    self.order = order

    let (firstSource, sources) = Self.predecessors(graph, number: number, order: order, count: reached)
    let immediate = FlatArray<UInt32>(repeating: 0, count: reached)
    let semi = FlatArray<UInt32>(repeating: 0, count: reached)
    let label = FlatArray<UInt32>(repeating: 0, count: reached)
    for vertex in 0..<reached {
      immediate[vertex] = ancestor[vertex]
      label[vertex] = UInt32(vertex)
    }
    var path: [UInt32] = []
    for vertex in stride(from: reached - 1, to: 0, by: -1) {
      var best = ancestor[vertex]
      for edge in Int(firstSource[vertex])..<Int(firstSource[vertex + 1]) {
        let source = sources[edge]
        // Sources before the vertex are not linked yet: they are their own label.
        let value =
          Int(source) <= vertex
          ? source : Self.lowest(source, linked: UInt32(vertex + 1), ancestor: ancestor, label: label, path: &path)
        if value < best { best = value }
      }
      semi[vertex] = best
      label[vertex] = best
    }
    // The nearest common ancestor of the parent's dominators and the semidominator.
    for vertex in 1..<max(reached, 1) {
      var dominator = immediate[vertex]
      while dominator > semi[vertex] { dominator = immediate[Int(dominator)] }
      immediate[vertex] = dominator
    }
    self.immediate = immediate
  }

  /// Lowest semidominator on the path from `vertex` up to, not including, the first ancestor below `linked`; compresses it.
  @inline(__always)
  private static func lowest(
    _ vertex: UInt32, linked: UInt32, ancestor: FlatArray<UInt32>, label: FlatArray<UInt32>, path: inout [UInt32]
  ) -> UInt32 {
    guard ancestor[Int(vertex)] >= linked else { return label[Int(vertex)] }
    path.removeAll(keepingCapacity: true)
    var top = vertex
    while ancestor[Int(top)] >= linked {
      path.append(top)
      top = ancestor[Int(top)]
    }
    while let next = path.popLast() {
      ancestor[Int(next)] = ancestor[Int(top)]
      if label[Int(top)] < label[Int(next)] { label[Int(next)] = label[Int(top)] }
      top = next
    }
    return label[Int(vertex)]
  }

  /// Depth-first preorder with the parents' preorder numbers; returns how many nodes were reached.
  private static func search(
    _ graph: CompressedGraph, from root: Int, number: FlatArray<UInt32>, order: FlatArray<UInt32>,
    parent: FlatArray<UInt32>
  ) -> Int {
    guard root < graph.count else { return 0 }
    // The next edge of each reached vertex: with the parents, all the stack there is.
    let cursor = FlatArray<UInt32>(repeating: 0, count: graph.count)
    number[root] = 0
    order[0] = UInt32(root)
    cursor[0] = graph.first[root]
    var reached = 1
    var vertex = 0
    while true {
      let node = Int(order[vertex])
      let end = graph.first[node + 1]
      var edge = cursor[vertex]
      var isDeeper = false
      while edge < end {
        let target = Int(graph.targets[Int(edge)])
        edge += 1
        if number[target] == unreached {
          number[target] = UInt32(reached)
          order[reached] = UInt32(target)
          parent[reached] = UInt32(vertex)
          cursor[reached] = graph.first[target]
          isDeeper = true
          break
        }
      }
      cursor[vertex] = edge
      if isDeeper {
        vertex = reached
        reached += 1
      } else if vertex == 0 {
        return reached
      } else {
        vertex = Int(parent[vertex])
      }
    }
  }

  /// The references turned round, in preorder numbers.
  private static func predecessors(
    _ graph: CompressedGraph, number: FlatArray<UInt32>, order: FlatArray<UInt32>, count: Int
  ) -> (first: FlatArray<UInt32>, sources: FlatArray<UInt32>) {
    let first = FlatArray<UInt32>(repeating: 0, count: count + 1)
    var total = 0
    for vertex in 0..<count {
      for edge in graph.edges(of: Int(order[vertex])) {
        first[Int(number[Int(graph.targets[edge])])] += 1
        total += 1
      }
    }
    var sum: UInt32 = 0
    for vertex in 0...count {
      let degree = vertex < count ? first[vertex] : 0
      // Ends first: filling counts them down to the starts.
      sum += degree
      first[vertex] = sum
    }
    let sources = FlatArray<UInt32>(repeating: 0, count: total)
    for vertex in 0..<count {
      for edge in graph.edges(of: Int(order[vertex])) {
        let target = Int(number[Int(graph.targets[edge])])
        first[target] -= 1
        sources[Int(first[target])] = UInt32(vertex)
      }
    }
    return (first, sources)
  }
}
