import ProcessImage
import Symbols
import Testing

@testable import HeapGraph

/// Threads whose stacks are written by hand: a libdispatch of four functions, a C library, a program.
@Suite struct IdleWorkerTests {
  private static let stack: UInt64 = 0x7f00_0000_0000
  private static let dispatch: UInt64 = 0x7e00_0000_0000
  private static let libc: UInt64 = 0x7d00_0000_0000
  private static let program: UInt64 = 0x5500_0000_0000

  /// Functions of 256 bytes each, in a row.
  private struct Names: SymbolSource {
    var functions = ["_dispatch_worker_thread", "_dispatch_semaphore_wait_slow", "_dispatch_sema4_timedwait", "drain"]

    func symbol(at address: UInt64) -> Symbol? {
      if address >= program && address < program + 0x100 {
        return Symbol(address: program, size: 256, mangledName: "main", module: "/bin/p", isData: false)
      }
      guard address >= dispatch, address < dispatch + UInt64(functions.count) * 256 else { return nil }
      let index = Int(address - dispatch) / 256
      return Symbol(
        address: dispatch + UInt64(index) * 256, size: 256, mangledName: functions[index],
        module: "/lib/libdispatch.so", isData: false)
    }

    func address(of mangledName: String) -> UInt64? {
      functions.firstIndex(of: mangledName).map { dispatch + UInt64($0) * 256 }
    }
  }

  private static let worker = dispatch + 40
  private static let waitSlow = dispatch + 256 + 40
  private static let timedWait = dispatch + 512 + 40
  private static let drain = dispatch + 768 + 40
  private static let stale: UInt64 = 0x7000_0000_1234

  /// `futex`, `FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME`.
  private static let timedSleep: (call: UInt64, operation: UInt64) = (202, 9 | 128 | 256)

  private func idle(
    _ words: [UInt64], symbols: any SymbolSource = Names(), at instruction: UInt64 = libc + 0x50,
    in call: (call: UInt64, operation: UInt64) = timedSleep
  ) -> Range<UInt64>? {
    var memory = ByteMemory()
    let padded = words + [UInt64](repeating: 0, count: 512 - words.count)
    memory.add(padded.flatMap { word in withUnsafeBytes(of: word.littleEndian) { Array($0) } }, at: Self.stack)
    func module(_ path: String, _ start: UInt64) -> Module {
      Module(
        path: path, bias: start, start: start, end: start + 0x10000,
        writableRanges: [start + 0x8000..<start + 0x10000])
    }
    let image = ProcessImage(
      source: .bytes, pid: nil, name: "p", mappings: [],
      modules: [
        module("/bin/p", Self.program), module("/lib/libc.so.6", Self.libc),
        module("/lib/libdispatch.so", Self.dispatch),
      ],
      threads: [
        ThreadState(
          tid: 7, stackPointer: Self.stack, instructionPointer: instruction, threadPointer: 0,
          registers: [UInt64](repeating: 0, count: 13) + [call.operation, 0, call.call])
      ], memory: memory,
      files: NoModuleFiles())
    return IdleWorkers(image: image, symbols: symbols).idleFrames[7]
  }

  @Test func aWorkerThatWaitsIsIdleUpToItsFirstFrame() {
    // libc, a stale pointer, a queue in libdispatch's data, the wait, the loop, start_thread.
    let frames = idle([
      Self.libc + 80, Self.stale, Self.dispatch + 0x9000, Self.timedWait, 1, Self.waitSlow, Self.worker, 5,
      Self.libc + 160, Self.stale,
    ])
    #expect(frames == Self.stack - 128..<Self.stack + 64)
  }

  /// The same frames, but the thread takes an item off its queue, begins a job, or waits for a lock of the allocator.
  @Test func aWorkerThatWaitsForNothingOrSomethingElseIsNot() {
    let waiting = [Self.libc + 80, Self.timedWait, Self.waitSlow, Self.worker, Self.libc + 160]
    #expect(idle(waiting, in: (219, Self.timedSleep.operation)) != nil)
    #expect(idle(waiting, at: Self.dispatch + 16) == nil)
    #expect(idle(waiting, at: Self.program + 16) == nil)
    #expect(idle(waiting, in: (.max, 0)) == nil)
    #expect(idle(waiting, in: (202, 128)) == nil)
    // Called by the loop itself: `free` with an old return address in its frame, or no frame of the wait at all.
    #expect(idle([Self.waitSlow, Self.worker, Self.libc + 160]) == nil)
    #expect(idle([Self.worker, Self.libc + 160]) == nil)
    #expect(idle([Self.waitSlow, Self.timedWait, Self.worker, Self.libc + 160]) == nil)
  }

  @Test func aWorkerThatRunsAJobIsNot() {
    #expect(idle([Self.libc + 80, Self.drain, Self.worker, Self.libc + 160]) == nil)
    #expect(idle([Self.libc + 80, Self.program + 20, Self.drain, Self.worker, Self.libc + 160]) == nil)
  }

  /// The job waits for a semaphore of its own: the same wait, called by the program.
  @Test func aJobThatWaitsForASemaphoreIsNot() {
    let words = [Self.libc + 80, Self.timedWait, Self.waitSlow, Self.program + 20, Self.drain, Self.worker]
    #expect(idle(words + [Self.libc + 160]) == nil)
  }

  /// Code without a symbol could be anything: a stripped program's job.
  @Test func anUnknownCallerIsADoubt() {
    let unnamed = Self.program + 0x4000
    #expect(idle([Self.libc + 80, Self.timedWait, Self.waitSlow, unnamed, Self.worker, Self.libc + 160]) == nil)
  }

  @Test func otherThreadsAndMissingSymbolsAreNot() {
    let waiting = [Self.libc + 80, Self.timedWait, Self.waitSlow, Self.worker, Self.libc + 160]
    #expect(idle(waiting, symbols: NoSymbols()) == nil)
    #expect(idle([Self.libc + 80, Self.libc + 160]) == nil)
    #expect(idle([]) == nil)
    #expect(idle(waiting) != nil)
  }
}
