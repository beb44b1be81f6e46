import SwiftMetadata

/// Live tasks that do the same: one state, one chain of async functions, one kind of parent.
public struct TaskGroup: Sendable, Hashable, Codable {
  /// What a task does, or waits for.
  public enum State: String, Sendable, Hashable, Codable {
    case running, enqueued, unstarted, complete
    /// Enqueued for a later time: what `Task.sleep` and its kin leave with the executor.
    case timer
    /// Waits for somebody who resumes its continuation.
    case waitsForContinuation
    case waitsForTask, waitsForGroup
    /// Suspended without a record of what it waits for: a sleep, an actor, an older runtime.
    case suspended
  }

  /// How a task came to be.
  public enum Relation: String, Sendable, Hashable, Codable {
    /// Made by `Task` or `Task.detached`.
    case own
    case asyncLet, groupChild
  }

  /// Blocks of one type that go with the tasks.
  public struct Held: Sendable, Hashable, Codable {
    public var type: String
    public var blocks: Int
    /// With all that hangs on them.
    public var bytes: UInt64
  }

  public var state: State
  /// The async function in which the task is suspended, then those that wait for it.
  public var functions: [String]
  /// Source line of each function, `Server.swift:41`; empty where it is not known or was not asked for.
  public var locations: [String]
  /// For each function whether it is the program's or a library's own, not one of the standard library.
  public var isOwn: [Bool] = []
  /// For each function whether it is of the executable's own module, and of no library; absent in older captures.
  public var isMain: [Bool]?
  /// Of tasks that are ready to run: the type of the actor whose turn they wait for.
  public var queuedOn: String?
  /// That is no actor, but an object on which actors or tasks run: their `unownedExecutor`, or a preference. Nil where it is an actor.
  public var queuedOnExecutor: Bool?
  public var relation: Relation
  /// Of children: the async function that made them.
  public var parent: String?
  public var tasks: Int
  /// Of these, tasks that no pointer leads to: nobody can ever resume them.
  public var lost: Int
  /// Of these, tasks that wait for a continuation while only `Task` handles lead to them: nobody can resume them either.
  public var handleOnly: Int
  public var cancelled: Int
  /// Bytes that would go with the tasks, their own included. Lost tasks count with their own bytes only, `async let` with their parent.
  public var retainedBytes: UInt64
  /// Of these, bytes that hang on tasks of another group and are in its `retainedBytes` too; absent in older captures.
  public var nestedBytes: UInt64?
  /// Largest first, up to three; without the tasks' own memory.
  public var holds: [Held]
  /// The root that leads to one of them; nil where only idle threads' stacks do.
  public var heldBy: String?
  public var example: String

  /// A function in which a task waits until another one has ended: `Task.value.getter`, `Task.result.getter`.
  public static func isAnothersEnd(_ function: String) -> Bool {
    function.hasPrefix("Task.") && (function.hasSuffix("value.getter") || function.hasSuffix("result.getter"))
  }

  /// What the groups keep, each byte once.
  public var countedBytes: UInt64 { retainedBytes - min(nestedBytes ?? 0, retainedBytes) }

  /// The function that a developer looks for: the innermost of the program's own module, else of a library, not of the standard library. What it
  /// called comes before it in `functions`.
  public var telling: Int? {
    let index = isMain?.firstIndex(of: true) ?? isOwn.firstIndex(of: true)
    return index.flatMap { functions.indices.contains($0) ? $0 : nil }
  }
}

/// The answer of `HeapHolders.tasks`.
public struct TaskReport: Sendable, Hashable, Codable {
  public var tasks: Int
  /// A task that hangs on another one is counted with it, once.
  public var retainedBytes: UInt64
  /// Most bytes first.
  public var groups: [TaskGroup]
  /// Streams with elements that nobody has taken yet, most bytes first.
  public var streams: [StreamBuffer] = []
  /// Actors on which jobs wait, by type, most jobs first; nil without any.
  public var actors: [BusyActors]?
}

extension TaskGroup.Relation {
  init(_ info: TaskInfo) { self = info.parent == 0 ? .own : info.isGroupChild ? .groupChild : .asyncLet }
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
