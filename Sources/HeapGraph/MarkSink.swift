import SwiftMetadata

/// Collects targets that are not marked yet, each once a level and worker.
struct MarkSink: ReferenceSink {
  private let heap: TypedHeap
  /// All levels before this one; only read while a level is scanned.
  private let marked: Bitmap
  /// This worker's finds of this level, to list each once.
  let found: Bitmap
  /// The same as a list, as long as they are few.
  private(set) var targets: [UInt32] = []
  /// More were found than the list has.
  private(set) var isFull = false
  var sideTables: FoundBlocks
  var unowned: FoundBlocks
  private(set) var referenceCount: UInt64 = 0
  /// Which types refer to which; nil where nobody asks for that.
  private(set) var edges: TypeEdges?

  /// One block in so many may be listed.
  static let share = 64
  private let mostListed: Int

  init(heap: TypedHeap, marked: Bitmap, edges: TypeEdges?) {
    self.edges = edges
    self.heap = heap
    self.marked = marked
    let count = heap.blocks.count
    found = Bitmap(count: count)
    mostListed = max(count / Self.share, 1024)
    sideTables = FoundBlocks(of: count, mostListed: mostListed)
    unowned = FoundBlocks(of: count, mostListed: mostListed)
  }

  @inline(__always)
  mutating func reference(from source: Int, offset: UInt64, to target: Int, _ strength: ReferenceSlot.Strength) {
    referenceCount &+= 1
    edges?.add(heap.typeIndex(source), heap.typeIndex(target))
    switch strength {
    case .strong, .pointer, .ambiguous, .number: break
    case .weak: if heap.typeIndex(target) != TypedHeap.sideTable { sideTables.insert(target) }
    case .unowned:
      if !marked.contains(target) { unowned.insert(target) }
      return
    }
    guard !marked.contains(target) && found.insertIfAbsent(target) else { return }
    if targets.count < mostListed { targets.append(UInt32(target)) } else { isFull = true }
  }

  /// Of the list; the bitmap is cleared by who reads it.
  mutating func removeTargets() {
    targets.removeAll(keepingCapacity: true)
    isFull = false
  }
}

/// Blocks in the order in which they were found, as long as they are few; beyond that a bit each.
struct FoundBlocks {
  private let count: Int
  private let mostListed: Int
  private var list: [UInt32] = []
  private var bits: Bitmap?

  /// - Parameter count: of all blocks.
  init(of count: Int, mostListed: Int) {
    self.count = count
    self.mostListed = mostListed
  }

  var isEmpty: Bool { list.isEmpty && bits == nil }

  @inline(__always)
  mutating func insert(_ block: Int) {
    if let bits { return bits.insert(block) }
    if list.count < mostListed { return list.append(UInt32(block)) }
    spill(block)
  }

  private mutating func spill(_ block: Int) {
    let bits = Bitmap(count: count)
    for listed in list { bits.insert(Int(listed)) }
    bits.insert(block)
    self.bits = bits
    list = []
  }

  mutating func removeAll() {
    list.removeAll(keepingCapacity: true)
    bits = nil
  }

  /// Some may come more than once.
  func visit<Failure: Error>(_ body: (Int) throws(Failure) -> Void) throws(Failure) {
    for block in list { try body(Int(block)) }
    guard let bits else { return }
    for word in 0..<bits.wordCount where bits[word: word] != 0 {
      for block in bits.elements(inWords: word..<word + 1) { try body(Int(block)) }
    }
  }
}
