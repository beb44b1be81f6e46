import Malloc
import ProcessImage
import SwiftMetadata

/// Groups unreachable blocks by what a developer would fix.
///
/// Every component to which no other unreachable block refers is the top of a leak; what it reaches hangs on it. Tops of one
/// shape (the ring's types and fields, the task's async function, the topmost type) are one group. O(blocks + references).
struct LeakFinder {
  let heap: TypedHeap
  let graph: UnreachableGraph
  let components: StrongComponents
  /// Async function and its callers in which a suspended task waits.
  let describeTask: (_ address: UInt64) -> [String]
  /// The function of the standard library in which it does.
  let taskWaitsFor: (_ address: UInt64) -> String?
  /// What a task is doing; nil where that is not known.
  let taskInfo: (_ address: UInt64) -> TaskInfo?
  /// The heap was caught in a doubtful state: every group is one step less sure.
  let isDoubtful: Bool
  let allocations: AllocationStacks?
  private let names: BlockNames

  init(
    heap: TypedHeap, graph: UnreachableGraph, isDoubtful: Bool, allocations: AllocationStacks? = nil,
    describeTask: @escaping (UInt64) -> [String], taskWaitsFor: @escaping (UInt64) -> String? = { _ in nil },
    taskInfo: @escaping (UInt64) -> TaskInfo? = { _ in nil }
  ) {
    self.heap = heap
    let graph = ExactRings.apart(graph) { heap.type(Int(graph.nodes[$0])).kind == .native }
    self.graph = graph
    self.isDoubtful = isDoubtful
    self.allocations = allocations
    self.describeTask = describeTask
    self.taskWaitsFor = taskWaitsFor
    self.taskInfo = taskInfo
    components = StrongComponents(graph)
    names = BlockNames(heap: heap)
  }

  /// What two tops must share to be one group.
  private struct Shape: Hashable {
    var kind: LeakGroup.Kind
    /// Types and fields of the ring, or type (and size of an unknown one).
    var numbers: [UInt64]
    var waitsIn: [String] = []
    var waitsFor: String?
  }

  private struct Collected {
    var instances = 0
    var blocks = 0
    var bytes: UInt64 = 0
    var contents: [String: LeakGroup.Content] = [:]
    var examples: [UInt64] = []
    var allocated = AllocationStacks.Tally()
    /// Nodes with the offset of the reference to the next, of the first instance.
    var path: [(block: Int, offset: UInt64)] = []
  }

  /// Groups, the one with the most bytes first.
  func groups() -> [LeakGroup] {
    let componentCount = components.sizes.count
    var isTop = [Bool](repeating: true, count: componentCount)
    for node in 0..<graph.count {
      for edge in graph.edges(of: node) {
        let target = Int(components.component[Int(graph.targets[edge])])
        if target != Int(components.component[node]) { isTop[target] = false }
      }
    }
    // Members of each component, by counting sort.
    var start = [Int](repeating: 0, count: componentCount + 1)
    for number in 0..<componentCount { start[number + 1] = start[number] + Int(components.sizes[number]) }
    var members = [Int](repeating: 0, count: graph.count)
    var fill = start
    for node in 0..<graph.count {
      let number = Int(components.component[node])
      members[fill[number]] = node
      fill[number] += 1
    }
    var taken = [Bool](repeating: false, count: graph.count)
    var order: [Shape] = []
    var collected: [Shape: Collected] = [:]
    // Descending: sources first, in a stable order.
    for number in stride(from: componentCount - 1, through: 0, by: -1) where isTop[number] {
      let top = members[start[number]..<start[number + 1]]
      let (shape, path) = describe(top)
      var group = collected[shape] ?? Collected(path: path)
      if collected[shape] == nil { order.append(shape) }
      group.instances += 1
      if group.examples.count < LeakGroup.mostExamples, let first = path.first {
        group.examples.append(heap.blocks.address(first.block))
      }
      collect(from: top, into: &group, taken: &taken)
      collected[shape] = group
    }
    return Self.withCauses(
      order.compactMap { shape in collected[shape].map { finish(shape, $0) } }
        .sorted { ($0.bytes, $1.title) > ($1.bytes, $0.title) })
  }

  /// The runtime's warnings about lost continuations take more than the tasks that were lost: these, which are the cause, come before them.
  static func withCauses(_ groups: [LeakGroup]) -> [LeakGroup] {
    guard let texts = groups.firstIndex(where: { $0.kind == .native && $0.title == ObjectType.runtimeWarnings }),
      let tasks = groups[texts...].firstIndex(where: { $0.kind == .lostTask })
    else { return groups }
    var groups = groups
    groups.insert(groups.remove(at: tasks), at: texts)
    return groups
  }

  /// The shape of a top component, and the path that shows it.
  private func describe(_ top: ArraySlice<Int>) -> (Shape, [(block: Int, offset: UInt64)]) {
    if let task = lostTask(in: top) {
      let address = heap.blocks.address(task)
      let shape = Shape(
        kind: .lostTask, numbers: [], waitsIn: describeTask(address), waitsFor: taskWaitsFor(address))
      return (shape, [(task, 0)])
    }
    let ring = ring(in: top)
    if !ring.isEmpty {
      let numbers = ring.flatMap { step in
        [UInt64(heap.typeIndex(step.block)), names.key(step.block, offset: step.offset)]
      }
      let isTyped = ring.contains { heap.type($0.block).kind != .native }
      return (Shape(kind: isTyped ? .cycle : .native, numbers: numbers), ring)
    }
    let node = block(top[top.startIndex])
    let type = heap.type(node)
    // Without a type the size is all there is to tell one kind of block from another. Texts have any size.
    let size = type.kind == .native && type.layout != .none ? heap.blocks.size(node) : 0
    return (
      Shape(kind: type.kind == .native ? .native : .chain, numbers: [UInt64(heap.typeIndex(node)), size]), [(node, 0)]
    )
  }

  /// The task of a component that waits, and for nothing but its own continuation: those that wait for a task or a group follow from it.
  /// A finished task waits for nobody: it is an object that keeps its result.
  private func lostTask(in component: ArraySlice<Int>) -> Int? {
    var result: Int?
    for node in component where heap.type(block(node)).kind == .task {
      switch taskInfo(heap.blocks.address(block(node))) {
      case .some(let info) where info.isComplete: continue
      case .some(let info) where info.waitsForOthers: result = result ?? block(node)
      default: return block(node)
      }
    }
    return result
  }

  private func block(_ node: Int) -> Int { Int(graph.nodes[node]) }

  /// The shortest ring through the component's most telling block: a class of the program before a library's, and that before storage and boxes.
  private func ring(in component: ArraySlice<Int>) -> [(block: Int, offset: UInt64)] {
    let number = components.component[component[component.startIndex]]
    let origin = component.min { left, right in
      (rank(left), names.name(block(left)), left) < (rank(right), names.name(block(right)), right)
    }
    guard let origin else { return [] }
    if component.count == 1 && !graph.edges(of: origin).contains(where: { Int(graph.targets[$0]) == origin }) {
      return []
    }
    // Breadth first inside the component until a reference comes back.
    var arrivedBy: [Int: (node: Int, edge: Int)] = [:]
    var queue = [origin]
    var position = 0
    while position < queue.count {
      let node = queue[position]
      position += 1
      for edge in graph.edges(of: node) {
        let target = Int(graph.targets[edge])
        guard components.component[target] == number else { continue }
        if target == origin {
          var path = [(block: block(node), offset: graph.offsets[edge])]
          var current = node
          while current != origin, let (previous, edge) = arrivedBy[current] {
            path.append((block(previous), graph.offsets[edge]))
            current = previous
          }
          return rotated(path.reversed())
        }
        if arrivedBy[target] == nil {
          arrivedBy[target] = (node, edge)
          queue.append(target)
        }
      }
    }
    return []
  }

  /// Where blocks of one type follow each other in a ring, the one with the least text comes first: their addresses must not make two shapes of
  /// one. Of very long rings any.
  private func rotated(_ ring: [(block: Int, offset: UInt64)]) -> [(block: Int, offset: UInt64)] {
    guard ring.count > 1, ring.count <= Self.longestRotated else { return ring }
    let starts = ring.indices.filter { heap.typeIndex(ring[$0].block) == heap.typeIndex(ring[0].block) }
    guard starts.count > 1 else { return ring }
    let turns = starts.map { Array(ring[$0...] + ring[..<$0]) }.map { (text: names.steps($0).map(\.text), ring: $0) }
    return turns.min { $0.text.lexicographicallyPrecedes($1.text) }?.ring ?? ring
  }

  private static let longestRotated = 64

  private func rank(_ node: Int) -> Int {
    let type = heap.type(block(node))
    switch type.kind {
    case .class: return type.isOwn ? 0 : type.name.hasPrefix("_") || type.name.hasPrefix("Swift.") ? 2 : 1
    case .closureContext: return 3
    case .box, .error, .job, .task: return 4
    case .native: return 6
    default: return 5
    }
  }

  /// Adds a top component and all that hangs on it and is not taken yet.
  private func collect(from top: ArraySlice<Int>, into group: inout Collected, taken: inout [Bool]) {
    var stack: [Int] = []
    for node in top where !taken[node] {
      taken[node] = true
      stack.append(node)
    }
    while let node = stack.popLast() {
      let size = heap.blocks.size(block(node))
      group.blocks += 1
      group.bytes += size
      if let stack = allocations?.stack(address: heap.blocks.address(block(node)), usableBytes: size) {
        group.allocated.add(stack)
      }
      let name = names.name(block(node))
      group.contents[name, default: .init(type: name, kind: heap.type(block(node)).kind, count: 0, bytes: 0)].add(size)
      for edge in graph.edges(of: node) {
        let target = Int(graph.targets[edge])
        if !taken[target] {
          taken[target] = true
          stack.append(target)
        }
      }
    }
  }

  private func finish(_ shape: Shape, _ group: Collected) -> LeakGroup {
    let ring = names.steps(group.path)
    let top = group.path.first.map { names.name($0.block) } ?? ""
    let steps: [LeakGroup.Step]
    let title: String
    switch shape.kind {
    case .cycle:
      steps = ring
      title = (ring.map(\.text) + [top]).joined(separator: " -> ")
    case .lostTask:
      steps = [LeakGroup.Step(type: top, field: "")]
      title = shape.waitsIn.first.map { "task suspended in \($0)" } ?? "suspended task"
    case .chain, .native:
      steps = [LeakGroup.Step(type: top, field: "")]
      title = shape.numbers.count > 2 ? "ring of " + top : top
    }
    let confidence: LeakGroup.Confidence = shape.kind == .cycle ? .certain : .likely
    let contents = group.contents.values.sorted { ($0.bytes, $1.type) > ($1.bytes, $0.type) }
    var result = LeakGroup(
      kind: shape.kind, title: title, steps: steps, waitsIn: shape.waitsIn, instances: group.instances,
      blocks: group.blocks, bytes: group.bytes, contents: contents, examples: group.examples,
      confidence: isDoubtful ? confidence.lowered : confidence)
    if let allocations { result.allocatedIn = group.allocated.summary(allocations) }
    result.waitsFor = shape.waitsFor
    if shape.kind == .cycle { result.library = library(group.path.map { heap.type($0.block) }) }
    return result
  }

  /// The module of the first class of a ring in which nothing can be the program's.
  private func library(_ ring: [ObjectType]) -> String? {
    // Types of the program's own module are written without it.
    guard heap.types.contains(where: \.isOwn) else { return nil }
    for type in ring {
      switch type.kind {
      case .class: if type.isOwn || !type.name.contains(".") { return nil }
      case .arrayStorage, .dictionaryStorage, .setStorage: continue
      default: return nil
      }
    }
    return ring.first { $0.kind == .class }.map { String($0.name.prefix { $0 != "." }) }
  }
}
