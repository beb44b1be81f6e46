import Foundation
import Synchronization
import TestSupport
import Testing

@testable import HeapGraph

/// Dominators and retained sizes against the definition: d dominates v if v cannot be reached without d.
@Suite struct DominatorTests {
  private func reachable(_ edges: [[Int]], from root: Int, without removed: Int?) -> [Bool] {
    var seen = [Bool](repeating: false, count: edges.count)
    guard root != removed else { return seen }
    var stack = [root]
    seen[root] = true
    while let node = stack.popLast() {
      for target in edges[node] where target != removed && !seen[target] {
        seen[target] = true
        stack.append(target)
      }
    }
    return seen
  }

  /// Sparse, dense, with self-references, multiple edges, cycles and unreachable parts.
  private func randomGraph(_ generator: inout SeededGenerator) -> [[Int]] {
    let count = Int.random(in: 1...24, using: &generator)
    let degree = Int.random(in: 1...4, using: &generator)
    return (0..<count).map { _ in
      (0..<Int.random(in: 0...degree, using: &generator)).map { _ in Int.random(in: 0..<count, using: &generator) }
    }
  }

  /// References of a deferred node count where nothing before it leads to their target: as if the others were not there.
  @Test func deferredNodesShareNothing() {
    var generator = SeededGenerator(seed: 31)
    for _ in 0..<500 {
      var edges = randomGraph(&generator) + [[], []]
      let (last, root) = (edges.count - 2, edges.count - 1)
      edges[last] = (0..<5).map { _ in Int.random(in: 0..<last, using: &generator) }
      edges[root] = [Int.random(in: 0..<last, using: &generator), last]
      var without = edges
      without[root].removeLast()
      let known = reachable(without, from: root, without: nil)
      var pruned = edges
      pruned[last].removeAll { known[$0] }
      let expected = Dominators(CompressedGraph(edges: pruned), root: root)
      let found = Dominators(CompressedGraph(edges: edges), root: root, firstDeferred: last, isDeferred: [true])
      #expect(found.count == expected.count)
      for vertex in 0..<found.count {
        #expect(found.order[vertex] == expected.order[vertex])
        #expect(found.immediate[vertex] == expected.immediate[vertex])
      }
    }
  }

  @Test(arguments: 0..<8)
  func equalTheDefinition(batch: Int) {
    var generator = SeededGenerator(seed: UInt64(9000 + batch))
    for _ in 0..<500 {
      let edges = randomGraph(&generator)
      let root = Int.random(in: 0..<edges.count, using: &generator)
      let sizes = edges.map { _ in UInt64.random(in: 1...1000, using: &generator) }
      let all = reachable(edges, from: root, without: nil)
      // without[d][v]: v is reached although d is gone.
      let without = edges.indices.map { reachable(edges, from: root, without: $0) }
      let dominators = Dominators(CompressedGraph(edges: edges), root: root)
      let tree = DominatorTree(dominators) { sizes[$0] }
      #expect(dominators.count == all.count { $0 })
      for node in edges.indices {
        guard all[node] else {
          #expect(tree.vertex(node) == nil)
          continue
        }
        guard let vertex = tree.vertex(node) else {
          Issue.record("\(node) is reachable in \(edges)")
          continue
        }
        let strict = edges.indices.filter { $0 != node && all[$0] && !without[$0][node] }
        // The immediate dominator is the one that all other dominators dominate.
        let immediate = strict.first { candidate in
          strict.allSatisfy { $0 == candidate || !without[$0][candidate] }
        }
        if node != root {
          #expect(tree.node(Int(dominators.immediate[vertex])) == immediate, "\(node) of \(edges) from \(root)")
        }
        let kept = edges.indices.filter { all[$0] && !without[node][$0] }
        #expect(tree.retained[vertex] == kept.reduce(0) { $0 + sizes[$1] }, "\(node) of \(edges) from \(root)")
      }
    }
  }

  /// One chain of two million links, with references back, on a thread whose stack would not take a frame for each thousandth of them.
  @Test func aVeryLongChain() throws {
    let count = 2_000_000
    let result = Mutex<(count: Int, all: UInt64, half: UInt64)?>(nil)
    try SmallStack.run(bytes: 128 << 10) {
      let first = FlatArray<UInt32>(repeating: 0, count: count + 1)
      let targets = FlatArray<UInt32>(repeating: 0, count: 2 * count - 2)
      for node in 0..<count {
        first[node] = UInt32(min(2 * node, 2 * count - 2))
        if node + 1 < count {
          targets[2 * node] = UInt32(node + 1)
          targets[2 * node + 1] = UInt32(node / 2)
        }
      }
      first[count] = UInt32(2 * count - 2)
      let tree = DominatorTree(Dominators(CompressedGraph(first: first, targets: targets), root: 0)) { _ in 1 }
      result.withLock { $0 = (tree.count, tree.retained[0], tree.retained[count / 2]) }
    }
    let found = try #require(result.withLock { $0 })
    #expect(found.count == count && found.all == UInt64(count) && found.half == UInt64(count / 2))
  }
}

/// A thread with a stack of a given size: what recurses once a node overflows it.
enum SmallStack {
  static func run(bytes: Int, _ body: @escaping @Sendable () -> Void) throws {
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
      body()
      done.signal()
    }
    thread.stackSize = bytes
    thread.start()
    #expect(done.wait(timeout: .now() + 240) == .success)
  }
}
