import CLinux
import Glibc

/// A fixed-size array of plain values that several threads may use at once as long as no two write one element.
///
/// `Array` cannot do that: its copy-on-write check makes shared mutation a race. Every access is bounds-checked.
///
/// Large ones are mappings of their own: `free` keeps what is below `malloc`'s threshold, which grows to 32 MiB, and each thread keeps its own. Of zeros,
/// only pages that are written to take memory.
final class FlatArray<Element: BitwiseCopyable>: @unchecked Sendable {
  private let storage: UnsafeMutablePointer<Element>
  let count: Int
  /// Bytes of the mapping; 0 where `malloc` gave the memory.
  private let mappedBytes: Int

  private static var smallestMapping: Int { 1 << 20 }

  init(repeating value: Element, count: Int) {
    self.count = max(count, 0)
    let bytes = self.count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    precondition(!bytes.overflow)
    if bytes.partialValue >= Self.smallestMapping,
      let memory = mmap(nil, bytes.partialValue, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      memory != MAP_FAILED
    {
      mappedBytes = bytes.partialValue
      storage = memory.bindMemory(to: Element.self, capacity: self.count)
      let isZero = withUnsafeBytes(of: value) { $0.allSatisfy { $0 == 0 } }
      if !isZero { storage.initialize(repeating: value, count: self.count) }
    } else {
      mappedBytes = 0
      storage = .allocate(capacity: max(count, 1))
      storage.initialize(repeating: value, count: self.count)
    }
  }

  deinit {
    if mappedBytes > 0 { munmap(storage, mappedBytes) } else { storage.deallocate() }
  }

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
