import Symbols

/// What a task that has not begun will do.
extension MetadataDecoder {
  /// Thunks of the compiler that one closure goes through on its way into a task; more are not believed.
  private static let mostThunks = 8
  /// Words of a thunk's context in which the closure is looked for that it calls: the isolation of an `@isolated(any)` one comes before it.
  private static let thunkWords: UInt64 = 6

  /// The function with which a task begins that waits in one of the runtime's adapters; nil where it cannot be told.
  ///
  /// In front of its first frame lie {function, its closure's context, error} (swiftlang/swift 6.3 stdlib/public/Concurrency/Task.cpp,
  /// `AsyncContextPrefix` and the end of `FutureAsyncContextPrefix`). Where the function is a thunk that only changes the convention of a closure,
  /// the closure itself is told.
  func beginning(of task: TaskInfo) -> UInt64? {
    guard task.resumeContext >= 24, var code = memory.word(task.resumeContext &- 24), isInModule(code),
      var context = memory.word(task.resumeContext &- 16)
    else { return nil }
    for _ in 0..<Self.mostThunks where isThunk(code) {
      guard let inner = closure(in: context) else { break }
      (code, context) = inner
    }
    return code
  }

  private func isThunk(_ code: UInt64) -> Bool {
    guard let symbol = symbols.symbol(at: code), symbol.address == code else { return false }
    // Specialized ones among them.
    return Demangler.demangle(symbol.mangledName)?.contains("reabstraction thunk") == true
  }

  /// The async closure that a context captures: {its async function pointer, its context}. The pointer leads to {function relative i32, bytes of
  /// its frame} (include/swift/ABI/Executor.h, `AsyncFunctionPointer`).
  private func closure(in context: UInt64) -> (code: UInt64, context: UInt64)? {
    for word in 2..<Self.thunkWords {
      guard let pointer = memory.word(context &+ 8 &* word), pointer & 3 == 0, isInModule(pointer),
        let inner = memory.word(context &+ 8 &* (word + 1)), inner & 7 == 0, inner < TargetMemory.addressLimit,
        let code = memory.relative(pointer), isInModule(code), symbols.symbol(at: code)?.address == code
      else { continue }
      return (code, inner)
    }
    return nil
  }
}
