/// Immediate dominators of a graph: d dominates v if every path from the root to v goes through d.
///
/// The Semi-NCA algorithm: L. Georgiadis, "Linear-Time Algorithms for Dominators and Related Problems", PhD thesis, Princeton
/// 2005, chapter 2.3, with the semidominators of T. Lengauer and R. E. Tarjan, "A Fast Algorithm for Finding Dominators in a
/// Flowgraph", TOPLAS 1(1), 1979. Path compression without balancing; iterative throughout, since heaps hold
/// lists of millions of links. O(references x log blocks) at worst, linear on heaps met in practice.
///
/// The depth-first search already tells tree edges from others, and a tree edge's source is just the parent: only the others are kept and looked at
/// again. In a heap they are few, and most objects, which one reference leads to, cost no more than a look.
///
/// Memory while it runs: 28 bytes a node and 8 for each reference that is no tree edge, beside the graph; 12 bytes a node stay.
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

  /// - Parameters:
  ///   - firstDeferred: nodes from here on may be deferred.
  ///   - isDeferred: of these, whether they lead only to what none of the root's targets before them leads to: their other references count
  ///     as none.
  init(_ graph: CompressedGraph, root: Int, firstDeferred: Int = .max, isDeferred: [Bool] = []) {
    let nodes = graph.count
    number = FlatArray(repeating: Self.unreached, count: nodes)
    order = FlatArray(repeating: 0, count: nodes)
    var search = Search(graph, number: number, order: order)
    search.firstDeferred = firstDeferred
    search.isDeferred = isDeferred
    search.run(from: root)
    let reached = search.reached
    count = reached
    // Parent in the depth-first tree at first; compressed to the lowest linked ancestor later.
    let ancestor = search.parent
    let immediate = FlatArray<UInt32>(repeating: 0, count: reached)
    // A vertex's semidominator takes the place of its list of edges, which is read once.
    let semi = search.lastEdge
    let label = FlatArray<UInt32>(repeating: 0, count: reached)
    for vertex in 0..<reached {
      immediate[vertex] = ancestor[vertex]
      label[vertex] = UInt32(vertex)
    }
    var path: [UInt32] = []
    for vertex in stride(from: reached - 1, to: 0, by: -1) {
      var best = immediate[vertex]
      var edge = search.lastEdge[vertex]
      while edge != Self.unreached {
        let source = search.edges[Int(edge)].source
        edge = search.edges[Int(edge)].next
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

  /// Depth-first preorder with the parents' preorder numbers, and the edges that are not in the tree, in preorder numbers.
  private struct Search {
    let graph: CompressedGraph
    let number: FlatArray<UInt32>
    let order: FlatArray<UInt32>
    /// Preorder number -> that of the parent.
    let parent: FlatArray<UInt32>
    /// Preorder number of a target -> its last edge in `edges`, `unreached` where it has none.
    let lastEdge: FlatArray<UInt32>
    var edges: ContiguousArray<(source: UInt32, next: UInt32)> = []
    var reached = 0
    var firstDeferred = Int.max
    var isDeferred: [Bool] = []

    init(_ graph: CompressedGraph, number: FlatArray<UInt32>, order: FlatArray<UInt32>) {
      self.graph = graph
      self.number = number
      self.order = order
      parent = FlatArray(repeating: 0, count: graph.count)
      lastEdge = FlatArray(repeating: Dominators.unreached, count: graph.count)
    }

    /// What was met before a deferred node, something else leads to.
    @inline(__always)
    private func isDeferred(_ vertex: Int) -> Bool {
      let node = Int(order[vertex])
      guard node >= firstDeferred, node - firstDeferred < isDeferred.count else { return false }
      return isDeferred[node - firstDeferred]
    }

    /// The elements of an array lie anywhere, and each is a wait for memory: what the next ones need is asked for before it is their turn, their
    /// numbers and lists first, and then, when the lists have come, what is in them.
    @inline(__always)
    private func lookAhead(from edge: Int, before last: Int) {
      if edge + Self.farAhead < last {
        let target = Int(graph.targets[edge + Self.farAhead])
        number.prefetch(target)
        graph.first.prefetch(target)
      }
      if edge + Self.nearAhead < last {
        graph.targets.prefetch(Int(graph.first[Int(graph.targets[edge + Self.nearAhead])]))
      }
    }

    private static let farAhead = 8
    private static let nearAhead = 4

    mutating func run(from root: Int) {
      guard root < graph.count else { return }
      // The edges that each vertex still has: with the parents, all the stack there is.
      let cursor = FlatArray<UInt32>(repeating: 0, count: graph.count)
      let end = FlatArray<UInt32>(repeating: 0, count: graph.count)
      number[root] = 0
      order[0] = UInt32(root)
      cursor[0] = graph.first[root]
      end[0] = graph.first[root + 1]
      reached = 1
      var vertex = 0
      while true {
        let last = end[vertex]
        var edge = cursor[vertex]
        var isDeeper = false
        while edge < last {
          lookAhead(from: Int(edge), before: Int(last))
          let target = Int(graph.targets[Int(edge)])
          edge += 1
          let known = number[target]
          if known == Dominators.unreached {
            number[target] = UInt32(reached)
            order[reached] = UInt32(target)
            parent[reached] = UInt32(vertex)
            cursor[reached] = graph.first[target]
            end[reached] = graph.first[target + 1]
            isDeeper = true
            break
          }
          // Nothing dominates the root; to itself and to a child nothing new is said.
          if known != 0, Int(known) != vertex, Int(parent[Int(known)]) != vertex,
            Int(known) > vertex || !isDeferred(vertex)
          {
            edges.append((UInt32(vertex), lastEdge[Int(known)]))
            lastEdge[Int(known)] = UInt32(edges.count - 1)
          }
        }
        cursor[vertex] = edge
        if isDeeper {
          vertex = reached
          reached += 1
        } else if vertex == 0 {
          return
        } else {
          vertex = Int(parent[vertex])
        }
      }
    }
  }
}
