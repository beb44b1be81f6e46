import ProcessImage
import Symbols

/// Finds threads of libdispatch's pool that wait for work.
///
/// Such a thread runs none of the program's code, yet registers and the unwritten parts of its frames still hold what the last job left
/// there, which would keep one lost task a thread. Its stack from the stack pointer up to the thread's first frame is
/// therefore no root; the thread-local storage above stays one.
///
/// A waiting worker stands in the system call by which a timed wait sleeps, and its stack is `start_thread` ->
/// `_dispatch_worker_thread` -> `_dispatch_semaphore_wait_slow` -> `_dispatch_sema4_timedwait` -> the C library
/// (swiftlang/swift-corelibs-libdispatch src/queue.c and src/shims/lock.c). A worker that takes an item off its queue or has just begun
/// a job can have the same stack but for the wait's frames, and then it alone knows the item and all that are queued behind it.
/// Read off the stack without unwinding, innermost first: both functions of the wait, then the loop, then the C library; the first
/// word that returns into anything else proves that the thread is busy, and a doubt does too.
public struct IdleWorkers: Sendable, Hashable {
  /// Per thread id, the part of the stack whose words are history: from the red zone to the frame of `start_thread`.
  public private(set) var idleFrames: [Int32: Range<UInt64>] = [:]

  /// Functions that stand between the C library's wait and the worker's loop, innermost first; the last one only jumps as a rule.
  private static let waiting: [Set<String>] = [
    ["_dispatch_sema4_wait", "_dispatch_sema4_timedwait"], ["_dispatch_semaphore_wait_slow"],
    ["dispatch_semaphore_wait"],
  ]
  /// The frames without which there is no wait.
  private static let waitDepth = 2
  /// `futex`, and `restart_syscall` where a stop has interrupted it once, with `FUTEX_WAIT_BITSET`, which is how `sem_timedwait` and
  /// `sem_wait` sleep (nptl/sem_waitcommon.c); locks use `FUTEX_WAIT`.
  private static let sleepingCalls: Set<UInt64> = [202, 219]
  private static let waitBitset: UInt64 = 9
  private static let commandMask: UInt64 = 0x7f
  /// `orig_rax` and `rsi` in `user_regs_struct`.
  private static let callNumber = 15
  private static let secondArgument = 13
  private static let loop = "_dispatch_worker_thread"
  /// A wait takes some 400 bytes of stack; a thread deeper than this is not in it.
  private static let deepestWait: UInt64 = 2048

  /// No thread is known to be idle.
  public init() {}

  /// Looks at every thread's innermost frames. O(threads); without symbols of libdispatch it finds none.
  public init(image: ProcessImage, symbols: any SymbolSource) {
    guard symbols.address(of: Self.loop) != nil else { return }
    let library = image.modules.first { Self.isCLibrary($0) }
    for thread in image.threads {
      guard let library, thread.stackPointer >= ThreadState.redZone else { continue }
      if let end = Self.firstFrame(thread, library: library, image: image, symbols: symbols) {
        idleFrames[thread.tid] = (thread.stackPointer - ThreadState.redZone) & ~7..<end
      }
    }
  }

  /// Test only: these threads are idle.
  init(idleFrames: [Int32: Range<UInt64>]) { self.idleFrames = idleFrames }

  /// The word that returns to `start_thread`, if the thread is in the worker's wait.
  private static func firstFrame(
    _ thread: ThreadState, library: Module, image: ProcessImage, symbols: any SymbolSource
  ) -> UInt64? {
    guard library.start <= thread.instructionPointer, thread.instructionPointer < library.end,
      thread.registers.count > callNumber, sleepingCalls.contains(thread.registers[callNumber]),
      thread.registers[secondArgument] & commandMask == waitBitset
    else { return nil }
    var isInLoop = false
    var frames = 0
    var address = (thread.stackPointer + 7) & ~7
    let end = address + deepestWait
    while address < end {
      guard let word = try? image.memory.load(UInt64.self, at: address) else { return nil }
      defer { address += 8 }
      guard let module = image.modules.containing(word) else { continue }
      if module == library {
        // Code and the library's own data alike; below the loop both belong to the wait.
        if isInLoop { return address }
        continue
      }
      // Data of a module (a queue, a string) is no return address.
      if module.writableRanges.contains(where: { $0.contains(word) }) { continue }
      // The word before: a call can be a function's last instruction.
      guard let symbol = symbols.symbol(at: word - 1) else { return nil }
      if symbol.isData { continue }
      let name = symbol.mangledName
      if name == loop {
        guard frames >= waitDepth else { return nil }
        isInLoop = true
      } else {
        guard !isInLoop, frames < waiting.count, waiting[frames].contains(name) else { return nil }
        frames += 1
      }
    }
    return nil
  }

  private static func isCLibrary(_ module: Module) -> Bool {
    module.name.hasPrefix("libc.so") || module.name.hasPrefix("libc-2.")
  }
}
