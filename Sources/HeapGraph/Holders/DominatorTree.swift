/// Who keeps what: the dominator tree with retained sizes.
///
/// The retained size of a node is the bytes that would become unreachable with it. All indices are preorder numbers of
/// `dominators`. 8 bytes a node for the sizes and 8 for the lists of children.
struct DominatorTree: Sendable {
  let dominators: Dominators
  /// Preorder number -> bytes of the node and of all it dominates.
  let retained: FlatArray<UInt64>
  /// Preorder number -> first of its children; `count + 1` entries.
  private let firstChild: FlatArray<UInt32>
  private let children: FlatArray<UInt32>

  var count: Int { dominators.count }

  /// - Parameter size: own bytes of a node of the graph (not a preorder number).
  init(_ dominators: Dominators, size: (Int) -> UInt64) {
    self.dominators = dominators
    let count = dominators.count
    retained = FlatArray(repeating: 0, count: count)
    firstChild = FlatArray(repeating: 0, count: count + 1)
    children = FlatArray(repeating: 0, count: max(count - 1, 0))
    for vertex in 0..<count { retained[vertex] = size(Int(dominators.order[vertex])) }
    // A dominator comes before what it dominates.
    for vertex in stride(from: count - 1, to: 0, by: -1) {
      let dominator = Int(dominators.immediate[vertex])
      retained[dominator] &+= retained[vertex]
      firstChild[dominator] += 1
    }
    var sum: UInt32 = 0
    for vertex in 0...count {
      if vertex < count { sum += firstChild[vertex] }
      firstChild[vertex] = sum
    }
    for vertex in stride(from: count - 1, to: 0, by: -1) {
      let dominator = Int(dominators.immediate[vertex])
      firstChild[dominator] -= 1
      children[Int(firstChild[dominator])] = UInt32(vertex)
    }
  }

  /// Nodes whose immediate dominator this one is, in preorder.
  @inline(__always)
  func forEachChild(of vertex: Int, _ body: (Int) -> Void) {
    for index in Int(firstChild[vertex])..<Int(firstChild[vertex + 1]) { body(Int(children[index])) }
  }

  @inline(__always)
  func hasChildren(_ vertex: Int) -> Bool { firstChild[vertex] < firstChild[vertex + 1] }

  /// Node of the graph.
  @inline(__always)
  func node(_ vertex: Int) -> Int { Int(dominators.order[vertex]) }

  /// Preorder number of a node, or nil where no root leads to it.
  func vertex(_ node: Int) -> Int? {
    let number = dominators.number[node]
    return number == Dominators.unreached ? nil : Int(number)
  }

  /// Bytes that a node of the graph keeps alive; 0 where no root leads to it.
  func retainedBytes(ofNode node: Int) -> UInt64 { vertex(node).map { retained[$0] } ?? 0 }
}
