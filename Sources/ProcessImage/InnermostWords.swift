extension ProcessImage {
  /// What a thread works with at this moment: its general registers and the innermost part of its stack, red zone included.
  ///
  /// A pointer that a function has taken out of one structure and not yet put into the next is among these words. O(depth).
  ///
  /// - Parameter depth: bytes of stack above the stack pointer.
  public func innermostWords(of thread: ThreadState, depth: UInt64) -> [UInt64] {
    var words = thread.registers
    let redZone = ThreadState.redZone
    guard thread.stackPointer > redZone, thread.stackPointer < UInt64.max - depth else { return words }
    let start = (thread.stackPointer - redZone + 7) & ~7
    let end = (thread.stackPointer + depth) & ~7
    let count = Int(clamping: (end - start) / 8)
    if let stack = try? memory.words(at: start, count: count) {
      words += stack
      return words
    }
    // Near the end of a stack: word by word as far as it goes.
    var address = start
    while address < end, let word = try? memory.load(UInt64.self, at: address) {
      words.append(word)
      address += 8
    }
    return words
  }
}
