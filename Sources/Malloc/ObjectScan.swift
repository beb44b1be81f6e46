import ProcessImage

/// Lists objects by what they look like, for heaps whose allocator is not known by structure.
///
/// Every 16-byte aligned word of anonymous memory that is the address of Swift metadata begins an object, if its size makes sense. Freed
/// objects look the same until their memory is used again, so the list holds dead ones too (measured with jemalloc 5.3: about a fifth).
/// Hence only what is reached from roots may be reported, and nothing at all may be said about leaks: `isExact` is false.
struct ObjectScan {
  private let image: ProcessImage
  private let objectSize: HeapWalk.ObjectSize
  /// Readable memory, in which metadata must lie.
  private let readable: [Range<UInt64>]
  private var verdicts = FirstWords()

  private static let pieceSize = 1 << 20
  /// Times that a word is asked about before it counts as no metadata: an array's size depends on the array.
  private static let patience: Int8 = 4

  /// Scans all anonymous writable memory but the main stack. O(bytes), one look-up a word.
  ///
  /// - Parameter allocator: what is known about it, for people.
  static func walk(
    _ image: ProcessImage, allocator: String, into blocks: BlockTable.Builder = BlockTable.Builder(),
    progress: (@Sendable (Double) -> Void)? = nil, objectSize: @escaping HeapWalk.ObjectSize
  ) throws(MallocError) -> HeapWalk {
    var scan = ObjectScan(image: image, objectSize: objectSize)
    return try scan.run(allocator: allocator, into: blocks, progress: progress)
  }

  private init(image: ProcessImage, objectSize: @escaping HeapWalk.ObjectSize) {
    self.image = image
    self.objectSize = objectSize
    readable = AddressSpace.union(
      image.mappings.filter {
        $0.permissions.contains(.read) && !$0.isKernel && $0.start < $0.end && $0.end <= AddressSpace.limit
      }.map {
        $0.start..<$0.end
      })
  }

  private mutating func run(
    allocator: String, into blocks: BlockTable.Builder, progress: (@Sendable (Double) -> Void)?
  ) throws(MallocError) -> HeapWalk {
    let ranges = heapRanges()
    let total = Double(max(ranges.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }, 1))
    var builder = blocks
    var done: UInt64 = 0
    var unreadable: UInt64 = 0
    var wasRead: UInt64 = 0
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceSize, alignment: 16)
    defer { buffer.deallocate() }
    for range in ranges {
      var position = range.lowerBound
      while position < range.upperBound {
        let next = image.memory.skippingUntouched(position, to: range.upperBound)
        done += next - position
        position = next
        guard position < range.upperBound else { break }
        let count = Int(min(range.upperBound - position, UInt64(Self.pieceSize)))
        let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
        if (try? image.memory.read(position, into: piece)) != nil {
          wasRead += UInt64(count)
          scan(UnsafeRawBufferPointer(piece), at: position, end: range.upperBound, into: &builder)
        } else {
          unreadable += UInt64(count)
        }
        position += UInt64(count)
        done += UInt64(count)
        progress?(Double(done) / total)
      }
    }
    if unreadable > 0, wasRead == 0 { throw .unreadable(unreadable) }
    var remarks = [
      "the structures of \(allocator) are not known: objects were found by their metadata, freed ones may be among them; "
        + "types and sizes of what is reachable can be told, leaks cannot be judged"
    ]
    if unreadable > 0 { remarks.append("\(unreadable) bytes of memory could not be read") }
    return HeapWalk(allocator: allocator, isExact: false, blocks: builder.build(), remarks: remarks)
  }

  /// Anonymous memory outside the modules' own data and the main stack.
  private func heapRanges() -> [Range<UInt64>] {
    let own = AddressSpace.union(image.modules.flatMap(\.writableRanges))
    return AddressSpace.subtract(own, from: AddressSpace(image.mappings).anonymous)
  }

  private mutating func scan(
    _ bytes: UnsafeRawBufferPointer, at start: UInt64, end: UInt64, into builder: inout BlockTable.Builder
  ) {
    var offset = Int((16 &- start & 15) & 15)
    while offset <= bytes.count - 8 {
      let head = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      defer { offset += 16 }
      guard head & 7 == 0, head > 0xffff, head < 1 << 57 else { continue }
      let verdict = verdicts[head]
      if let verdict, verdict >= Self.patience { continue }
      guard verdict != nil || readable.range(containing: head) != nil else { continue }
      let address = start + UInt64(offset)
      if let size = objectSize(head, address, end - address), size >= 16, size <= end - address {
        builder.append(address: address, size: (size + 7) & ~7, head: head)
        verdicts[head] = 0
      } else {
        verdicts[head] = (verdict ?? 0) + 1
      }
    }
  }
}

/// How often first words were asked about in vain; 0 for those that are metadata. One place for each of 65,536 hashes: what is forgotten is asked
/// about again.
private struct FirstWords {
  private var words: [UInt64]
  private var counts: [Int8]
  private static let bits: UInt64 = 16

  init() {
    words = Array(repeating: 0, count: 1 << Self.bits)
    counts = Array(repeating: 0, count: 1 << Self.bits)
  }

  subscript(word: UInt64) -> Int8? {
    get {
      let place = Self.place(word)
      return words[place] == word ? counts[place] : nil
    }
    set {
      let place = Self.place(word)
      // Metadata are few and come again; other words are many.
      guard let newValue, newValue == 0 || words[place] == word || words[place] == 0 || counts[place] != 0 else {
        return
      }
      words[place] = word
      counts[place] = newValue
    }
  }

  /// Fibonacci hashing (Knuth, TAOCP 6.4).
  @inline(__always)
  private static func place(_ word: UInt64) -> Int { Int((word &* 0x9e37_79b9_7f4a_7c15) >> (64 - bits)) }
}
