import Malloc
import ProcessImage
import SwiftMetadata

extension HeapHolders {
  /// Every task, grouped by what it does. O(blocks + references).
  ///
  /// Where the allocator does not say which blocks are live, no task is called lost: that is a judgement about leaks.
  ///
  /// - Parameter locate: source lines of code addresses, asked once for all groups.
  public func tasks(locate: (([UInt64]) -> [UInt64: String])? = nil) throws -> TaskReport {
    let isExact = references.heap.walk.isExact
    let tasks = try TaskFinder(self).tasks().filter { isExact || !mayBeFreed($0) }
    let resumable = try ResumableTasks(self)
    let actors = try self.actors.get()
    var groups: [TaskGroupKey: TaskGroupBuilder] = [:]
    var keys: [Int: TaskGroupKey] = [:]
    for task in tasks {
      var frames = frames(of: task.info.address)
      // Of a task that is done only its outermost function still means something: what the task was for.
      if task.info.isComplete { frames = (frames.last { !$0.isStandard } ?? frames.last).map { [$0] } ?? [] }
      let state = state(task)
      // What a timer begins with is the standard library's.
      if state == .timer { frames = [] }
      let queue = task.info.isEnqueued ? actors.queue(of: task.info) : nil
      let key = TaskGroupKey(
        state: state, functions: frames.map(\.function), relation: TaskGroup.Relation(task.info),
        parent: task.info.parent == 0 ? nil : parentFunction(task.info),
        queuedOn: queue?.type, queuedOnExecutor: queue?.isExecutor == true ? true : nil)
      var group = groups[key] ?? TaskGroupBuilder(address: task.info.address, frames: frames)
      group.tasks += 1
      if task.info.isCancelled { group.cancelled += 1 }
      if let block = task.block {
        if references.marked.contains(block) {
          keys[block] = key
          if isExact, key.state == .waitsForContinuation, resumable.isHeldByHandlesOnly(block) { group.handleOnly += 1 }
          addHeld(block, to: &group)
          if group.heldBy == nil { group.heldBy = tellingLeader(of: block) }
        } else {
          group.lost += 1
          group.retained &+= references.heap.blocks.size(block)
        }
      }
      groups[key] = group
    }
    for (block, key) in keys {
      let keepers = keepers(of: block, keys)
      // Links of a queue: its bytes count with the task of the same group that keeps it.
      guard !keepers.contains(key) else { continue }
      let bytes = tree.retainedBytes(ofNode: block)
      groups[key]?.retained &+= bytes
      if !keepers.isEmpty { groups[key]?.nested &+= bytes }
    }
    let lines = locate?(Array(Set(groups.values.flatMap(\.codes))).sorted()) ?? [:]
    let list = groups.map { key, group in
      TaskGroup(
        state: key.state, functions: key.functions, locations: group.codes.map { lines[$0] ?? "" },
        isOwn: group.isOwn, isMain: group.isMain, queuedOn: key.queuedOn,
        queuedOnExecutor: key.queuedOnExecutor, relation: key.relation, parent: key.parent,
        tasks: group.tasks,
        lost: group.lost, handleOnly: group.handleOnly,
        cancelled: group.cancelled, retainedBytes: group.retained, nestedBytes: group.nested,
        holds: group.largest(3) { name($0) },
        heldBy: group.heldBy, example: "0x" + String(group.address, radix: 16))
    }.sorted { ($0.retainedBytes, $0.tasks, $1.example) > ($1.retainedBytes, $1.tasks, $0.example) }
    let busy = actors.busy(self)
    return TaskReport(
      tasks: tasks.count, retainedBytes: outermostBytes(tasks.compactMap(\.block)), groups: list,
      streams: try streamBuffers(), actors: busy.isEmpty ? nil : busy)
  }

  /// Where the allocator does not say which blocks are live: what nothing leads to, and a finished task to which no variable leads but words of
  /// stacks and of memory that nobody claims, as the lists of free blocks are, is most likely what is left of one.
  private func mayBeFreed(_ task: TaskFinder.Found) -> Bool {
    guard let block = task.block else { return false }
    guard references.marked.contains(block) else { return true }
    return task.info.isComplete && [.anonymous, .stack].contains(root(leadingTo: block)?.kind)
  }

  /// Steps up the tree in which another task is looked for.
  private static let nestingLimit = 64

  /// Groups of the tasks that keep this one.
  private func keepers(of block: Int, _ keys: [Int: TaskGroupKey]) -> Set<TaskGroupKey> {
    guard var vertex = tree.vertex(block) else { return [] }
    var keepers: Set<TaskGroupKey> = []
    for _ in 0..<Self.nestingLimit where vertex > 0 {
      vertex = Int(tree.dominators.immediate[vertex])
      if let key = keys[tree.node(vertex)] { keepers.insert(key) }
    }
    return keepers
  }

  /// Frames of functions that a developer knows, innermost first; recursion is one frame.
  private func frames(of task: UInt64) -> [TaskFrame] {
    var frames: [TaskFrame] = []
    for frame in references.context.taskFrames(task)
    where !frame.function.isEmpty && frames.last?.function != frame.function { frames.append(frame) }
    return frames
  }

  /// A group, and an `async let`, lie in the frame of the function that made them; where that is not to be told, what the parent waits in.
  private func parentFunction(_ task: TaskInfo) -> String? {
    let place = task.isGroupChild ? task.group : task.address
    let block = references.heap.blocks.index(containing: place)
    let frames = frames(of: task.parent)
    if block >= 0, let number = labels.frames.number(owning: place, in: references.heap.blocks.address(block)),
      !labels.frames.functions[number].isEmpty
    {
      let owner = labels.frames.functions[number]
      // The group's body runs one frame further in, and is what a developer knows.
      guard task.isGroupChild, let index = frames.firstIndex(where: { $0.function == owner }), index > 0,
        !frames[index - 1].isStandard
      else { return owner }
      return frames[index - 1].function
    }
    return (frames.first { !$0.isStandard } ?? frames.first)?.function
  }

  private func state(_ task: TaskFinder.Found) -> TaskGroup.State {
    let state = TaskGroup.State(task.info)
    guard state == .unstarted, let block = task.block else { return state }
    return wakesSleeper(block) || isOnTimer(block) || root(leadingTo: block)?.title == "_dispatch_timers_heap"
      ? .timer : state
  }

  /// The job that `Task.sleep` makes captures the token by which sleeper and job know each other (Swift 5.7 and later,
  /// stdlib/public/Concurrency/TaskSleep.swift). Where it hangs does not matter: stale words lead to many.
  private func wakesSleeper(_ block: Int) -> Bool {
    let edges = Int(graph.graph.first[block])..<Int(graph.graph.first[block + 1])
    return edges.contains { edge in
      let node = Int(graph.graph.targets[edge])
      return node < graph.blockCount && references.heap.type(node).name.contains("UnsafeSleepStateToken")
    }
  }

  /// Steps from a job to the timer that will enqueue it: its continuation, and what that hangs on.
  private static let timerSteps = 4

  /// A timer of libdispatch keeps it. The table of timers itself need not: the thread that waits for them often holds a part of it.
  private func isOnTimer(_ block: Int) -> Bool {
    guard var vertex = tree.vertex(block) else { return false }
    for _ in 0..<Self.timerSteps where vertex > 0 {
      vertex = Int(tree.dominators.immediate[vertex])
      let node = tree.node(vertex)
      if node < graph.blockCount, references.heap.type(node).name.hasPrefix("dispatch_source_type") { return true }
    }
    return false
  }

  /// What hangs on a task, its own memory opened up.
  private func addHeld(_ block: Int, to group: inout TaskGroupBuilder) {
    guard let vertex = tree.vertex(block) else { return }
    var open = [vertex]
    while let next = open.popLast() {
      tree.forEachChild(of: next) { child in
        let node = tree.node(child)
        guard node < graph.blockCount else { return }
        if kind(node) == .taskSlab {
          open.append(child)
        } else {
          group.hold(typeKey(node), node, tree.retained[child])
        }
      }
    }
  }

  /// Bytes of tasks and all they keep, each byte once; lost tasks with their own.
  private func outermostBytes(_ blocks: [Int]) -> UInt64 {
    let isTask = Bitmap(count: max(tree.count, 1))
    var total: UInt64 = 0
    for block in blocks {
      if let vertex = tree.vertex(block) { isTask.insert(vertex) } else { total &+= references.heap.blocks.size(block) }
    }
    // Dominators come before what they dominate.
    let isBelow = Bitmap(count: max(tree.count, 1))
    for vertex in 1..<max(tree.count, 1) {
      let dominator = Int(tree.dominators.immediate[vertex])
      if isBelow.contains(dominator) || isTask.contains(dominator) {
        isBelow.insert(vertex)
      } else if isTask.contains(vertex) {
        total &+= tree.retained[vertex]
      }
    }
    return total
  }
}

private struct TaskGroupKey: Hashable {
  var state: TaskGroup.State
  var functions: [String]
  var relation: TaskGroup.Relation
  var parent: String?
  var queuedOn: String?
  var queuedOnExecutor: Bool?
}

private struct TaskGroupBuilder {
  var address: UInt64
  var codes: [UInt64]
  var isOwn, isMain: [Bool]
  var tasks = 0
  var lost = 0
  var handleOnly = 0
  var cancelled = 0
  var retained: UInt64 = 0
  var nested: UInt64 = 0
  var heldBy: String?
  private var held: [UInt64: (node: Int, blocks: Int, bytes: UInt64)] = [:]

  init(address: UInt64, frames: [TaskFrame]) {
    self.address = address
    codes = frames.map(\.code)
    isOwn = frames.map { !$0.isStandard }
    isMain = frames.map(\.isMain)
  }

  mutating func hold(_ type: UInt64, _ node: Int, _ bytes: UInt64) {
    let known = held[type] ?? (node, 0, 0)
    held[type] = (known.node, known.blocks + 1, known.bytes &+ bytes)
  }

  func largest(_ count: Int, name: (Int) -> String) -> [TaskGroup.Held] {
    held.values.sorted { ($0.bytes, $1.node) > ($1.bytes, $0.node) }.prefix(count).map {
      TaskGroup.Held(type: name($0.node), blocks: $0.blocks, bytes: $0.bytes)
    }
  }
}
