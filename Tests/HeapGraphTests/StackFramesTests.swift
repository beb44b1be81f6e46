import ProcessImage
import TestSupport
import Testing

@testable import HeapGraph

/// Whose frame a word of a stack lies in, on stacks in a byte array.
@Suite struct StackFramesTests {
  private static let program: UInt64 = 0x40_0000
  private static let library: UInt64 = 0x50_0000
  private static let stack: UInt64 = 0x7f00_0000_0000
  /// Return addresses behind a `call rel32`.
  private static let inMain = program + 0x105
  private static let inSleep = library + 0x205

  /// A thread that sleeps in the C library, called by a function whose own saved frame pointer leads nowhere.
  private func frames(_ words: [Int: UInt64], framePointer: UInt64) -> StackFrames {
    var memory = ByteMemory()
    var code = [UInt8](repeating: 0x90, count: 4096)
    for offset in [0x100, 0x200] { code[offset] = 0xe8 }
    memory.add(code, at: Self.program)
    memory.add(code, at: Self.library)
    var stack = [UInt64](repeating: 0, count: 512)
    for (index, word) in words { stack[index] = word }
    memory.add(stack.flatMap { word in withUnsafeBytes(of: word.littleEndian) { Array($0) } }, at: Self.stack)
    func module(_ name: String, _ start: UInt64) -> Module {
      Module(path: "/bin/" + name, bias: start, start: start, end: start + 4096, writableRanges: [])
    }
    let image = ProcessImage(
      source: .bytes, pid: nil, name: "test",
      mappings: [
        Mapping(start: Self.program, end: Self.program + 4096, permissions: [.read, .execute], path: "/bin/test"),
        Mapping(start: Self.library, end: Self.library + 4096, permissions: [.read, .execute], path: "/bin/libc.so.6"),
        Mapping(start: Self.stack, end: Self.stack + 4096, permissions: [.read, .write]),
      ],
      modules: [module("test", Self.program), module("libc.so.6", Self.library)], threads: [], memory: memory,
      files: NoModuleFiles())
    let thread = ThreadState(
      tid: 1, stackPointer: Self.stack, instructionPointer: Self.library + 0x300, threadPointer: 0,
      registers: [0, 0, 0, 0, framePointer])
    return StackFrames(thread: thread, image: image, memory: image.memory)
  }

  /// A saved register points into the stack right below a return address: no frame, since none follows it.
  @Test func aSavedRegisterIsNoFramePointer() {
    let frames = frames([2: Self.stack + 400, 3: Self.inSleep, 20: 1, 21: Self.inMain], framePointer: 0)
    #expect(Array(frames.functions(owning: Self.stack + 8)).contains(Self.inMain - 1))
    #expect(Array(frames.functions(owning: Self.stack + 8 * 10)) == [Self.inSleep - 1, Self.inMain - 1])
    #expect(Array(frames.functions(owning: Self.stack + 8 * 30)) == [Self.inMain - 1])
  }

  /// Everything is inlined into `main`: no chain at all, and the return addresses are found all the same.
  @Test func aLoneFunctionIsFound() {
    let frames = frames([3: Self.inSleep, 20: 1, 21: Self.inMain], framePointer: 7)
    #expect(Array(frames.functions(owning: Self.stack)) == [Self.library + 0x300, Self.inSleep - 1, Self.inMain - 1])
  }
}
