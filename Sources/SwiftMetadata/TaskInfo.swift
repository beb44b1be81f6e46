/// Offsets in an `AsyncTask` on 64-bit Linux, in bytes (include/swift/ABI/Task.h and stdlib/public/Concurrency/TaskPrivate.h).
/// Verified against the runtime of Swift 6.3.1.
enum TaskLayout {
  /// Two words that queues use while the task is enqueued or waits for another task; stale otherwise.
  static let schedulerLinks = [16, 24]
  static let jobFlags: UInt64 = 32
  static let identifierLow: UInt64 = 36
  static let resumeFunction: UInt64 = 56
  static let resumeContext: UInt64 = 64
  static let statusFlags: UInt64 = 96
  static let firstSlab: UInt64 = 120
  static let identifierHigh: UInt64 = 144
  static let dependencyRecord: UInt64 = 160
  /// Without fragments, which follow.
  static let size = 208
  /// In front of the first frame lie {function, its closure's context, error}, of a task with a result {where the result is to go} before that
  /// (stdlib/public/Concurrency/Task.cpp, `AsyncContextPrefix` and `FutureAsyncContextPrefix`). The error is written when the task ends.
  static let prefix: UInt64 = 32
  static let begin: UInt64 = 24
  static let error: UInt64 = 8
  /// Bytes behind a slab's header when the allocator makes one of the usual size.
  static let slabCapacity: UInt32 = 984
}

/// What a task was doing when the image was taken.
public struct TaskInfo: Sendable, Hashable {
  /// What a suspended task waits for, as its dependency record says.
  public enum Dependency: Sendable, Hashable {
    case none
    case task(UInt64)
    /// Address of the continuation's context.
    case continuation(UInt64)
    case taskGroup(UInt64)
    /// Queued on an executor: runnable.
    case executor(UInt64)
  }

  public var address: UInt64
  public var identifier: UInt64
  /// Code that continues the task; often an adapter of the runtime. Of a task that has not begun: what it will begin with.
  public var resumeFunction: UInt64
  /// Innermost async frame; stale while the task runs.
  public var resumeContext: UInt64
  public var isEnqueued: Bool
  public var isRunning: Bool
  public var isComplete: Bool
  public var isCancelled: Bool
  /// Enqueued for the first time: of its first frame only the header is written, the rest is what the memory held before.
  public var isUnstarted: Bool
  public var dependency: Dependency
  /// Where the awaiting functions go on, innermost first; up to 32. Symbols of these name what the task waits in.
  public var returnAddresses: [UInt64]
  /// First block of the task's stack allocator, 0 where it has none.
  public var firstSlab: UInt64
  /// The frame with which it began, in its own block; 0 where it is not known.
  public var firstFrame: UInt64 = 0
  /// The task that this one is a child of; 0 for a task of its own.
  public var parent: UInt64 = 0
  /// A child of a task group. Other children are made by `async let`.
  public var isGroupChild = false
  /// Address of the group of a group's child.
  public var group: UInt64 = 0

  /// Room for its result; nil where it has none or that is not known.
  public var resultRoom: Range<UInt64>?
  /// Bytes for its error in front of its first frame.
  public static let errorRoom = TaskLayout.error

  /// It goes on when another task does, or the tasks of a group.
  public var waitsForOthers: Bool {
    switch dependency {
    case .task, .taskGroup: true
    case .none, .continuation, .executor: false
    }
  }
}

extension MetadataDecoder {
  /// Decodes the task at `address`; nil where there is none.
  ///
  /// Known for Swift 6.3 (6.1 and 6.2 share the fields up to the status flags). On Linux a running task says so in its flags.
  public func taskInfo(at address: UInt64) -> TaskInfo? {
    guard let head = memory.word(address), let kind = memory.word(head), kind == MetadataKind.task.rawValue,
      let flags = memory.half(address &+ TaskLayout.statusFlags),
      let resumeFunction = memory.word(address &+ TaskLayout.resumeFunction),
      let resumeContext = memory.word(address &+ TaskLayout.resumeContext),
      let identifierLow = memory.half(address &+ TaskLayout.identifierLow),
      let identifierHigh = memory.half(address &+ TaskLayout.identifierHigh),
      let firstSlab = memory.word(address &+ TaskLayout.firstSlab)
    else { return nil }
    let hasDependency = flags & 0x4000 != 0
    let frames = frames(from: resumeContext)
    var info = TaskInfo(
      address: address, identifier: UInt64(identifierHigh) << 32 | UInt64(identifierLow),
      resumeFunction: resumeFunction, resumeContext: resumeContext, isEnqueued: flags & 0x1000 != 0,
      isRunning: flags & 0x800 != 0, isComplete: flags & 0x2000 != 0, isCancelled: flags & 0x100 != 0,
      isUnstarted: flags & 0x800 == 0 && startAdapters.contains(resumeFunction),
      dependency: hasDependency ? dependency(of: address) : .none,
      returnAddresses: frames.returns,
      firstSlab: firstSlab)
    // Frames that were left do not mean anything.
    if let outermost = frames.outermost, outermost >= address &+ UInt64(TaskLayout.size) &+ TaskLayout.prefix,
      let begin = memory.word(outermost &- TaskLayout.begin), isInModule(begin)
    {
      info.firstFrame = outermost
      let end = outermost &- TaskLayout.prefix
      if let start = memory.word(end), start >= address &+ UInt64(TaskLayout.size), start < end {
        info.resultRoom = start..<end
      }
    }
    if info.isUnstarted, let begin = beginning(of: info) { info.resumeFunction = begin }
    addOrigin(&info)
    return info
  }

  /// A new task begins in one of two adapters, which variables for debuggers name, in a stripped program too
  /// (stdlib/public/Concurrency/Debug.h, Swift 5.6 and later).
  func readStartAdapters() -> Set<UInt64> {
    let names = ["_swift_concurrency_debug_future_adapter", "_swift_concurrency_debug_non_future_adapter"]
    return Set(names.compactMap { symbols.address(of: $0).flatMap { memory.word($0) } })
  }

  /// TaskDependencyStatusRecord: {flags, parent record, what it depends on, waiting task…, kind u32}.
  private func dependency(of task: UInt64) -> TaskInfo.Dependency {
    guard let record = memory.word(task &+ TaskLayout.dependencyRecord), record != 0,
      let target = memory.word(record &+ 16), let kind = memory.half(record &+ 32)
    else { return .none }
    return switch kind {
    case 1: .task(target)
    case 2: .continuation(target)
    case 3: .taskGroup(target)
    case 4: .executor(target)
    default: .none
    }
  }

  /// Async frames start with {parent frame, function that continues the parent}. The outermost one has no parent.
  private func frames(from context: UInt64) -> (returns: [UInt64], outermost: UInt64?) {
    var result: [UInt64] = []
    var frame = context
    var seen: Set<UInt64> = []
    while frame != 0, frame & 7 == 0, result.count < 32, seen.insert(frame).inserted,
      let parent = memory.word(frame), let function = memory.word(frame &+ 8), isInModule(function)
    {
      result.append(function)
      if parent == 0 { return (result, frame) }
      frame = parent
    }
    return (result, nil)
  }
}
