import Malloc
import ProcessImage

/// References at addresses that are no multiple of eight: members of packed C structures, like `struct epoll_event` on x86-64, and records of
/// files and protocols that a program keeps as they came.
///
/// To try every byte takes several times as long as to try every word. So it is done only where blocks are left that no word refers to, only
/// in memory without a type, and only the address of the first byte of such a block counts.
struct OddPlaces: Sendable {
  /// Where the blocks begin that are looked for: what most words are not in.
  let addresses: Range<UInt64>
  private let marked: Bitmap
  private let blocks: BlockTable

  /// - Parameter marked: blocks that are known already.
  /// - Returns: nil where no block is missing.
  init?(_ blocks: BlockTable, marked: Bitmap) {
    let all = 0..<blocks.count
    guard let first = all.first(where: { !marked.contains($0) }), let last = all.last(where: { !marked.contains($0) })
    else { return nil }
    addresses = blocks.address(first)..<blocks.address(last) + 1
    self.marked = marked
    self.blocks = blocks
  }

  /// Calls the closure with the address of each such place in a range, and the block that it refers to. Leaves out what cannot be read.
  ///
  /// - Parameter range: begins at a multiple of eight.
  @inline(__always)
  func search(
    _ range: Range<UInt64>, in window: MemoryWindow, _ body: (UInt64, Int) -> Void
  ) throws(MemoryError) {
    var start = range.lowerBound
    while start < range.upperBound {
      let end = min(range.upperBound, start + UInt64(MemoryWindow.capacity))
      if try window.load(start..<end) { visit(start..<end, in: window, body) }
      // A reference may lie across the end of a piece.
      start = end == range.upperBound ? end : end - 8
    }
  }

  /// The same in a range that the window has loaded.
  @inline(__always)
  private func visit(_ range: Range<UInt64>, in window: MemoryWindow, _ body: (UInt64, Int) -> Void) {
    guard range.upperBound - range.lowerBound >= 16 else { return }
    var low = window.word(range.lowerBound)
    var place = range.lowerBound
    while place + 16 <= range.upperBound {
      let high = window.word(place + 8)
      if low | high != 0 {
        for byte: UInt64 in 1..<8 {
          let word = low >> (byte &* 8) | high << (64 &- byte &* 8)
          if addresses.contains(word), let block = block(startingAt: word) { body(place + byte, block) }
        }
      }
      low = high
      place += 8
    }
  }

  private func block(startingAt address: UInt64) -> Int? {
    let block = blocks.index(startingAt: address)
    return block >= 0 && !marked.contains(block) ? block : nil
  }
}

/// What was found at odd places of reachable blocks, for those who read these again.
struct OddReferences: Sendable {
  struct Reference: Sendable {
    var source, target: UInt32
    /// Bytes from the start of the source.
    var offset: UInt64
  }

  private let references: [Reference]

  /// - Parameter found: in any order.
  init(_ found: [Reference] = []) {
    references = found.sorted { ($0.source, $0.offset) < ($1.source, $1.offset) }
  }

  /// Those of one block. O(log(references)).
  func references(of block: Int) -> ArraySlice<Reference> {
    guard !references.isEmpty else { return [] }
    return references[references.partitionIndex { $0.source < UInt32(block) }...].prefix { $0.source == UInt32(block) }
  }
}

/// What a scanner does about odd places.
enum OddPlaceScan: Sendable {
  case none
  case search(OddPlaces)
  case known(OddReferences)
}

extension BlockScanner {
  /// Reads blocks without a type for the sake of odd places alone, in ascending order of index.
  mutating func scanOddPlaces(
    count: Int, _ block: (Int) -> Int, into sink: inout some ReferenceSink
  ) throws(MemoryError) {
    try visit(count: count, block) { scanner, block throws(MemoryError) in
      let blocks = scanner.heap.blocks
      try scanner.scanOddPlaces(block, blocks.address(block), blocks.size(block), into: &sink)
    }
  }

  /// Reports the references at odd places of a block without a type.
  mutating func scanOddPlaces(
    _ block: Int, _ address: UInt64, _ size: UInt64, into sink: inout some ReferenceSink
  ) throws(MemoryError) {
    switch oddPlaces {
    case .none: break
    case .known(let known):
      for reference in known.references(of: block) {
        sink.reference(from: block, offset: reference.offset, to: Int(reference.target), .ambiguous)
      }
    case .search(let places):
      // What cannot be read is counted where its words are.
      try places.search(address..<address + size, in: window) { place, target in
        sink.reference(from: block, offset: place - address, to: target, .ambiguous)
        oddReferences.append(.init(source: UInt32(block), target: UInt32(target), offset: place - address))
      }
    }
  }
}
