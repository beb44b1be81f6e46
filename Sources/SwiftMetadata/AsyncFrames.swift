/// One async function's frame in a task's memory.
public struct AsyncFrame: Sendable, Hashable {
  /// Address of the frame (its async context).
  public var context: UInt64
  /// Code that goes on with the function; 0 where it is not known.
  public var code: UInt64

  public init(context: UInt64, code: UInt64) {
    self.context = context
    self.code = code
  }
}

extension MetadataDecoder {
  /// The frames of a task that is not running, innermost first; up to 33. A frame starts with {parent frame, code that goes on with the
  /// parent} (swiftlang/swift 6.3 include/swift/ABI/Task.h, `AsyncContext`).
  public func asyncFrames(of info: TaskInfo) -> [AsyncFrame] {
    var frames = [AsyncFrame(context: info.resumeContext, code: info.resumeFunction)]
    for code in info.returnAddresses {
      guard let last = frames.last, let parent = memory.word(last.context), parent != 0 else { break }
      frames.append(AsyncFrame(context: parent, code: code))
    }
    return frames
  }

  /// Where a task comes from. A child's fragment follows the task: {parent, next child}, then a group's child's: {group} (the same file,
  /// `ChildFragment`, `GroupChildFragment`).
  func addOrigin(_ info: inout TaskInfo) {
    guard let flags = memory.half(info.address &+ TaskLayout.jobFlags), flags >> 24 & 1 == 1,
      let parent = memory.word(info.address &+ UInt64(TaskLayout.size)), parent != 0
    else { return }
    info.parent = parent
    info.isGroupChild = flags >> 26 & 1 == 1
    if info.isGroupChild { info.group = memory.word(info.address &+ UInt64(TaskLayout.size) &+ 16) ?? 0 }
  }
}
