import Glibc

/// Plain values in memory of their own, all of them zero at first.
///
/// Pages that nobody writes to take no memory of the machine, which `Array` does not promise. Every access is bounds-checked.
struct ZeroedColumn<Element: BitwiseCopyable & FixedWidthInteger>: ~Copyable, @unchecked Sendable {
  // Written by whoever makes a table, before the table is shared.
  private let base: UnsafeMutablePointer<Element>
  let count: Int

  /// - Returns: nil where there is no memory.
  init?(count: Int) {
    let capacity = max(count, 1)
    guard let memory = calloc(capacity, MemoryLayout<Element>.stride) else { return nil }
    base = memory.bindMemory(to: Element.self, capacity: capacity)
    self.count = max(count, 0)
  }

  deinit { free(base) }

  @inline(__always)
  subscript(index: Int) -> Element {
    get {
      precondition(index >= 0 && index < count)
      return base[index]
    }
    nonmutating set {
      precondition(index >= 0 && index < count)
      base[index] = newValue
    }
  }

  func clear() { base.update(repeating: 0, count: count) }
}
