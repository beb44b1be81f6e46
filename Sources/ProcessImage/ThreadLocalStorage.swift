/// Where each thread's variables lie: blocks of `thread_local` variables by module, and the slots of `pthread_setspecific`.
///
/// glibc on x86-64: the word behind the thread pointer's first is the thread's vector, whose entry n holds the block of the module with number n
/// (`tcbhead_t.dtv`, sysdeps/x86_64/nptl/tls.h). Blocks of modules that were there at the start lie below the thread pointer (variant II), those
/// of modules loaded later in blocks of `malloc`. Other C libraries are not looked into.
public struct ThreadLocalStorage: Sendable {
  /// What lies in an area.
  public enum Content: Sendable, Hashable {
    /// Variables of a module, an index into the image's modules.
    case variables(module: Int)
    /// Slots of `pthread_setspecific`, 16 bytes each {sequence number, value}, from this key on.
    case keys(first: Int)
  }

  /// A range of thread-local memory, and whose it is.
  public struct Area: Sendable, Hashable {
    public var range: Range<UInt64>
    /// Index into the image's threads.
    public var thread: Int
    public var content: Content
  }

  /// Sorted by address, not overlapping.
  public private(set) var areas: [Area] = []

  private static let unallocated = UInt64.max
  /// `struct pthread` behind its header (nptl/descr.h, glibc 2.31-2.42).
  private static let descriptor: Range<UInt64> = 0x2c0..<0x900
  /// 32 slots in the descriptor itself, and 32 pointers to as many each; the first points back to the slots in front of it.
  private static let slots: UInt64 = 32
  private static let slotSize: UInt64 = 16

  public init(_ image: ProcessImage) { self.init(image.modules, image.threads, image.memory) }

  init(_ modules: [Module], _ threads: [ThreadState], _ memory: any MemoryReader) {
    let entries = ThreadLocalModules(modules: modules, memory: memory).entries
    var found: [Area] = []
    for (index, thread) in threads.enumerated() where thread.threadPointer != 0 {
      let pointer = thread.threadPointer
      // tcbhead_t holds its own address in words 0 and 2.
      guard let head = try? memory.words(at: pointer, count: 3), head[0] == pointer, head[2] == pointer else {
        continue
      }
      let vector = head[1]
      // The entry in front of the vector is its length.
      if let length: UInt64 = try? memory.load(at: vector &- 16) {
        for entry in entries where entry.number <= length {
          guard let block: UInt64 = try? memory.load(at: vector &+ 16 &* entry.number), block != Self.unallocated,
            block != 0, block <= UInt64.max - entry.size
          else { continue }
          found.append(
            Area(range: block..<block + entry.size, thread: index, content: .variables(module: entry.module)))
        }
      }
      found += Self.keys(pointer, index, memory)
    }
    found.sort { $0.range.lowerBound < $1.range.lowerBound }
    for area in found where area.range.lowerBound >= areas.last?.range.upperBound ?? 0 { areas.append(area) }
  }

  private static func keys(_ pointer: UInt64, _ thread: Int, _ memory: any MemoryReader) -> [Area] {
    let start = pointer &+ descriptor.lowerBound
    let count = Int(descriptor.upperBound - descriptor.lowerBound) / 8
    guard let words = try? memory.words(at: start, count: count) else { return [] }
    let bytes = slots * slotSize
    for (index, word) in words.enumerated() {
      let address = start &+ 8 &* UInt64(index)
      guard word == address &- bytes, word >= start else { continue }
      var result: [Area] = []
      for level in 0..<Int(slots) {
        let table = index + level < words.count ? words[index + level] : 0
        guard table != 0, table <= UInt64.max - bytes else { continue }
        result.append(
          Area(range: table..<table + bytes, thread: thread, content: .keys(first: level * Int(slots))))
      }
      return result
    }
    return []
  }

  /// The area that holds `address`. O(log areas).
  public func area(containing address: UInt64) -> Area? {
    let index = areas.partitionIndex { $0.range.upperBound <= address }
    return index < areas.count && areas[index].range.contains(address) ? areas[index] : nil
  }
}
