import Malloc
import SwiftMetadata

/// Live tasks that do the same: one state, one chain of async functions.
public struct TaskGroup: Sendable, Hashable, Codable {
  public enum State: String, Sendable, Hashable, Codable {
    case running, enqueued, unstarted, complete
    /// Waits for somebody who resumes its continuation.
    case waitsForContinuation
    case waitsForTask, waitsForGroup
    /// Suspended without a record of what it waits for: a sleep, an actor, an older runtime.
    case suspended
  }

  public var state: State
  /// The async function in which the task is suspended, then those that wait for it.
  public var functions: [String]
  public var tasks: Int
  /// Of these, tasks that no pointer leads to: nobody can ever resume them.
  public var lost: Int
  public var cancelled: Int
  /// Bytes that would go with the tasks, their own included. Lost tasks count with their own bytes only.
  public var retainedBytes: UInt64
  public var example: String
}

/// The answer of `HeapHolders.tasks`.
public struct TaskReport: Sendable, Hashable, Codable {
  public var tasks: Int
  public var retainedBytes: UInt64
  /// Most bytes first.
  public var groups: [TaskGroup]
}

extension HeapHolders {
  /// Every task that has a block of its own, grouped by what it does. O(blocks). Child tasks of `async let` lie in their parent's memory
  /// and count with it.
  public func tasks() -> TaskReport {
    struct Key: Hashable {
      var state: TaskGroup.State
      var functions: [String]
    }
    let heap = references.heap
    var groups: [Key: TaskGroup] = [:]
    for block in 0..<graph.blockCount where heap.type(block).kind == .task {
      let address = heap.blocks.address(block)
      guard let info = references.context.taskInfo(address) else { continue }
      let key = Key(state: TaskGroup.State(info), functions: references.context.describeTask(address))
      var group =
        groups[key]
        ?? TaskGroup(
          state: key.state, functions: key.functions, tasks: 0, lost: 0, cancelled: 0, retainedBytes: 0,
          example: "0x" + String(address, radix: 16))
      group.tasks += 1
      if info.isCancelled { group.cancelled += 1 }
      if references.marked.contains(block) {
        group.retainedBytes += tree.retainedBytes(ofNode: block)
      } else {
        group.lost += 1
        group.retainedBytes += heap.blocks.size(block)
      }
      groups[key] = group
    }
    let sorted = groups.values.sorted {
      ($0.retainedBytes, $0.tasks, $1.example) > ($1.retainedBytes, $1.tasks, $0.example)
    }
    return TaskReport(
      tasks: sorted.reduce(0) { $0 + $1.tasks }, retainedBytes: sorted.reduce(0) { $0 + $1.retainedBytes },
      groups: sorted)
  }
}

extension TaskGroup.State {
  init(_ info: TaskInfo) {
    if info.isComplete {
      self = .complete
    } else if info.isRunning {
      self = .running
    } else if info.isUnstarted {
      self = .unstarted
    } else if info.isEnqueued {
      self = .enqueued
    } else {
      switch info.dependency {
      case .continuation: self = .waitsForContinuation
      case .task: self = .waitsForTask
      case .taskGroup: self = .waitsForGroup
      case .executor, .none: self = .suspended
      }
    }
  }
}
