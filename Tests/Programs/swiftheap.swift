import Dispatch
import Foundation

/// Objects, collections, tasks and queues, with plenty freed in between.
final class Node {
  var next: Node?
  var name: String
  var numbers: [Int]
  init(_ index: Int) {
    name = "node number \(index) with a name that needs the heap"
    numbers = Array(0..<(index % 40))
  }
}

nonisolated(unsafe) var kept: [Node] = []
nonisolated(unsafe) var table: [Int: [String: Node]] = [:]

for index in 0..<20_000 {
  let node = Node(index)
  if index % 3 == 0 { kept.append(node) }
  if index % 7 == 0 { table[index] = ["a": node, "b": Node(index + 1)] }
}
for index in stride(from: 0, to: 20_000, by: 14) { table[index] = nil }

let queue = DispatchQueue(label: "held", attributes: .concurrent)
let group = DispatchGroup()
for index in 0..<200 {
  queue.async(group: group) {
    var local: [Node] = []
    for step in 0..<100 { local.append(Node(index * step)) }
  }
}
group.wait()
for _ in 0..<50 {
  Task { try? await Task.sleep(for: .seconds(3600)) }
}
Thread.sleep(forTimeInterval: 0.3)
print("READY")
fflush(stdout)
Thread.sleep(forTimeInterval: 3600)
