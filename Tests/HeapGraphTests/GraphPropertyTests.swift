import SwiftMetadata
import TestSupport
import Testing

@testable import HeapGraph

@Suite struct GraphPropertyTests {
  @Test(arguments: 0..<60)
  func componentsAreMutualReachability(seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    let count = Int.random(in: 1...30, using: &generator)
    let edges = (0..<count).map { _ in
      (0..<Int.random(in: 0...3, using: &generator)).map { _ in Int.random(in: 0..<count, using: &generator) }
    }
    var reaches = [[Bool]](repeating: [Bool](repeating: false, count: count), count: count)
    for node in 0..<count {
      var stack = [node]
      reaches[node][node] = true
      while let next = stack.popLast() {
        for target in edges[next] where !reaches[node][target] {
          reaches[node][target] = true
          stack.append(target)
        }
      }
    }
    let components = StrongComponents(UnreachableGraph(edges: edges))
    for a in 0..<count {
      for b in 0..<count {
        let same = components.component[a] == components.component[b]
        #expect(same == (reaches[a][b] && reaches[b][a]))
        // Reverse topological order: an edge never leads to a higher number.
        if reaches[a][b] { #expect(components.component[a] >= components.component[b]) }
      }
    }
    #expect(components.sizes.reduce(0, +) == UInt32(count))
  }

  @Test func aVeryLongChainNeedsNoCallStack() {
    let count = 300_000
    let edges = (0..<count).map { $0 + 1 < count ? [$0 + 1] : [] }
    #expect(StrongComponents(UnreachableGraph(edges: edges)).sizes.count == count)
  }

  /// Random object graphs: what marking leaves is what a plain search does not reach, with one worker and with several.
  @Test(arguments: 0..<12)
  func markingIsReachability(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(1000 + seed))
    let heap = SyntheticHeap()
    let count = seed < 8 ? 200 : 20_000
    let fieldCount = 3
    let node = heap.classType("Node", fields: ["a", "b", "c"])
    let addresses = (0..<count).map { _ in heap.block([node, 3, 0, 0, 0]) }
    var edges = [[Int]](repeating: [], count: count)
    for source in 0..<count {
      for field in 0..<fieldCount where Int.random(in: 0..<4, using: &generator) == 0 {
        let target = Int.random(in: 0..<count, using: &generator)
        heap.store(addresses[target], in: addresses[source], at: 16 + 8 * field)
        edges[source].append(target)
      }
    }
    let roots = (0..<5).map { _ in Int.random(in: 0..<count, using: &generator) }
    for root in roots { heap.root(addresses[root]) }
    var seen = Set(roots)
    var stack = Array(seen)
    while let next = stack.popLast() {
      for target in edges[next] where seen.insert(target).inserted { stack.append(target) }
    }
    let expected = (0..<count).filter { !seen.contains($0) }.map { addresses[$0] }.sorted()
    for workers in [1, 3] {
      let result = try heap.analysis(workers: workers)
      #expect(result.unreachable.map { result.heap.blocks.address(Int($0)) } == expected)
      #expect(result.leaks?.reduce(0) { $0 + $1.blocks } == expected.count)
      #expect(result.leaks?.reduce(0) { $0 + $1.bytes } == result.unreachableBytes)
    }
  }
}
