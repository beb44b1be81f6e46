import Malloc
import ProcessImage
import SwiftMetadata

/// An async function's frame in a task's memory, with the function's name.
public struct TaskFrame: Sendable, Hashable {
  public var context: UInt64
  /// Code that goes on with the function.
  public var code: UInt64
  /// Demangled; empty for frames of the runtime and of compiler-made thunks.
  public var function: String
  /// A function of the standard library: `Task.sleep`, `TaskGroup.next`.
  public var isStandard: Bool
  /// A function of the executable's own module.
  public var isMain: Bool

  public init(context: UInt64, code: UInt64, function: String, isStandard: Bool = false, isMain: Bool = false) {
    self.context = context
    self.code = code
    self.function = function
    self.isStandard = isStandard
    self.isMain = isMain
  }
}

/// Which async function's frame a word of task memory lies in.
struct AsyncFrameTable: Sendable {
  private var contexts: [UInt64] = []
  /// Function of each context, a number of `functions`.
  private var numbers: [UInt32] = []
  private(set) var functions: [String] = []

  /// Walks the frames of every task. O(blocks + frames x log frames).
  init(_ references: HeapReferences) {
    let heap = references.heap
    var known: [String: UInt32] = [:]
    var frames: [(context: UInt64, number: UInt32)] = []
    for block in heap.blocks(of: .task) {
      for frame in references.context.taskFrames(heap.blocks.address(block)) where frame.context != 0 {
        let number = known[frame.function] ?? UInt32(functions.count)
        if number == UInt32(functions.count) {
          known[frame.function] = number
          functions.append(frame.function)
        }
        frames.append((frame.context, number))
      }
    }
    frames.sort { $0.context < $1.context }
    contexts = frames.map(\.context)
    numbers = frames.map(\.number)
  }

  /// Number of the function whose frame, inside the block that starts at `block`, is the last to start at or before `address`.
  func number(owning address: UInt64, in block: UInt64) -> Int? {
    let index = contexts.partitionIndex { $0 <= address } - 1
    return index >= 0 && contexts[index] >= block ? Int(numbers[index]) : nil
  }
}
