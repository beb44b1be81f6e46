/// Strongly connected components of a graph: the retain cycles.
///
/// R. Tarjan, "Depth-first search and linear graph algorithms", SIAM J. Comput. 1(2), 1972; with an explicit stack, since a
/// leaked list is longer than any call stack. O(nodes + edges).
struct StrongComponents {
  /// Component of each node. Components are numbered in reverse topological order: a reference leads to a lower number.
  private(set) var component: [UInt32]
  /// Number of nodes of each component.
  private(set) var sizes: [UInt32] = []

  init(_ graph: UnreachableGraph) {
    let none = UInt32.max
    var index = [UInt32](repeating: none, count: graph.count)
    var low = [UInt32](repeating: 0, count: graph.count)
    var onStack = [Bool](repeating: false, count: graph.count)
    component = [UInt32](repeating: none, count: graph.count)
    var stack: [UInt32] = []
    var frames: [(node: Int, edge: Int)] = []
    var counter: UInt32 = 0
    for root in 0..<graph.count where index[root] == none {
      frames.append((root, graph.edges(of: root).lowerBound))
      index[root] = counter
      low[root] = counter
      counter += 1
      stack.append(UInt32(root))
      onStack[root] = true
      while let (node, edge) = frames.last {
        if edge < graph.edges(of: node).upperBound {
          frames[frames.count - 1].edge += 1
          let target = Int(graph.targets[edge])
          if index[target] == none {
            index[target] = counter
            low[target] = counter
            counter += 1
            stack.append(UInt32(target))
            onStack[target] = true
            frames.append((target, graph.edges(of: target).lowerBound))
          } else if onStack[target] {
            low[node] = min(low[node], index[target])
          }
          continue
        }
        frames.removeLast()
        if let parent = frames.last?.node { low[parent] = min(low[parent], low[node]) }
        guard low[node] == index[node] else { continue }
        let number = UInt32(sizes.count)
        var size: UInt32 = 0
        while let member = stack.popLast() {
          onStack[Int(member)] = false
          component[Int(member)] = number
          size += 1
          if Int(member) == node { break }
        }
        sizes.append(size)
      }
    }
  }
}
