import ProcessImage
import Symbols

/// The functions on a stopped thread's stack, and which of them a word on it belongs to.
///
/// Swift code keeps frame pointers on Linux. Where the innermost function does not (the C library), the chain is picked up at the
/// first pair on the stack that looks like one.
struct StackFrames: Sendable {
  /// Addresses that hold return addresses, ascending, and the function that each returns into.
  private var frames: [(slot: UInt64, function: UInt64)] = []
  private let innermost: UInt64

  private static let rbp = 4
  private static let frameLimit = 4096
  private static let callerLimit = 64
  /// An async function marks its saved frame pointer in this bit (swiftlang/llvm-project, X86 async frames).
  private static let asyncMark: UInt64 = 1 << 60
  private static let searchBytes: UInt64 = 16 << 10

  /// - Parameter memory: the image's, or pages of it that are kept, as words are read one by one.
  init(thread: ThreadState, image: ProcessImage, memory: any MemoryReader) {
    innermost = thread.instructionPointer
    guard let mapping = image.mappings.containing(thread.stackPointer), thread.registers.count > Self.rbp else {
      return
    }
    func word(_ address: UInt64) -> UInt64? { try? memory.load(UInt64.self, at: address) }
    func isCode(_ address: UInt64) -> Bool {
      guard let module = image.modules.containing(address) else { return false }
      return !module.writableRanges.contains { $0.contains(address) }
        && (image.mappings.containing(address)?.permissions.contains(.execute) ?? false)
    }
    func frame(at pointer: UInt64) -> (next: UInt64, code: UInt64)? {
      guard pointer & 7 == 0, pointer >= thread.stackPointer &- 128, pointer &+ 16 <= mapping.end,
        let next = word(pointer), let code = word(pointer &+ 8), isCode(code)
      else { return nil }
      return (next & ~Self.asyncMark, code)
    }
    var pointer = thread.registers[Self.rbp]
    if frame(at: pointer) == nil {
      pointer = 0
      var slot = (thread.stackPointer + 7) & ~7
      let end = min(mapping.end, slot &+ Self.searchBytes)
      while slot + 16 <= end {
        // A saved register that happens to point into the stack looks like a frame pointer, but leads to no frame.
        if let found = frame(at: slot), found.next > slot, found.next < mapping.end, frame(at: found.next) != nil {
          pointer = slot
          break
        }
        slot += 8
      }
    }
    // Functions without frame pointers between the stack pointer and the first frame: their return addresses, by the call before.
    var slot = (thread.stackPointer + 7) & ~7
    // Where everything is inlined into `main`, there is none: the frame that it saved is that of nobody.
    let firstFrame = min(pointer == 0 ? mapping.end &- 8 : pointer, slot &+ Self.searchBytes)
    while slot < firstFrame {
      if let code = word(slot), isCode(code), isAfterCall(code, memory) { frames.append((slot, code)) }
      slot += 8
    }
    while frames.count < Self.frameLimit, let (next, code) = frame(at: pointer) {
      frames.append((pointer + 8, code))
      guard next > pointer else { break }
      pointer = next
    }
  }

  /// `call rel32`, or `call` through a register or memory in its forms of 2, 3, 6 and 7 bytes.
  private func isAfterCall(_ address: UInt64, _ memory: any MemoryReader) -> Bool {
    guard let code = try? memory.bytes(at: address &- 7, count: 7) else { return false }
    if code[2] == 0xe8 { return true }
    return [5, 4, 1, 0].contains { start in code[start] == 0xff && code[start + 1] & 0x38 == 0x10 }
  }

  /// Addresses inside the function that owns the word at `address` of the stack, and inside those that wait for it, innermost first.
  func functions(owning address: UInt64) -> some Sequence<UInt64> {
    let index = frames.partitionIndex { $0.slot < address } - 1
    // A return address belongs to the call before it.
    let callers = frames[max(index, 0)...].prefix(Self.callerLimit).lazy.map { $0.function &- 1 }
    return index < 0 ? [innermost] + callers : Array(callers)
  }

  /// The outermost return address; above it there are only thread locals.
  var end: UInt64 { frames.last?.slot ?? 0 }
}
