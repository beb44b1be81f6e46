import CLinux

/// A fixed-size array of plain values that several threads may use at once as long as no two write one element.
///
/// `Array` cannot do that: its copy-on-write check makes shared mutation a race. Every access is bounds-checked.
final class FlatArray<Element: BitwiseCopyable>: @unchecked Sendable {
  private let storage: UnsafeMutablePointer<Element>
  let count: Int

  init(repeating value: Element, count: Int) {
    self.count = max(count, 0)
    storage = .allocate(capacity: max(count, 1))
    storage.initialize(repeating: value, count: self.count)
  }

  deinit { storage.deallocate() }

  /// Asks the processor to bring an element into its cache, for who will read it soon from a place that nothing foretells. Never reads memory;
  /// an index outside is ignored.
  @inline(__always)
  func prefetch(_ index: Int) {
    guard index >= 0 && index < count else { return }
    memwhy_prefetch(storage + index)
  }

  @inline(__always)
  subscript(index: Int) -> Element {
    get {
      precondition(index >= 0 && index < count)
      return storage[index]
    }
    set {
      precondition(index >= 0 && index < count)
      storage[index] = newValue
    }
  }
}
