import Malloc
import ProcessImage
import SwiftMetadata
import Synchronization

/// The references among reachable blocks, with one node a named root and one above them all.
///
/// Nodes: 0..<blocks are the blocks by index (those that nothing reaches have no references), then the roots, then the top. Built in
/// one sweep over the heap in address order by all cores. 4 bytes a node and 4 a reference.
struct ReferenceGraph: Sendable {
  let graph: CompressedGraph
  let blockCount: Int
  let rootCount: Int

  /// The node above all roots.
  var top: Int { blockCount + rootCount }

  /// - Parameters:
  ///   - marked: the reachable blocks.
  ///   - entries: for each root, the blocks it refers to.
  ///   - order: of the roots below the top.
  ///   - orphanRoot: number of the root, among `entries`, that takes reachable blocks to which nothing here refers: deinitialised
  ///     objects whose memory unowned references keep.
  init(
    _ references: HeapReferences, marked: Bitmap, entries: [[UInt32]], order: [Int], orphanRoot: Int, workerCount: Int
  ) throws(MemoryError) {
    let blocks = references.heap.blocks.count
    blockCount = blocks
    rootCount = entries.count
    let first = FlatArray<UInt32>(repeating: 0, count: blocks + entries.count + 2)
    var pieces = try Self.sweep(references, marked, degrees: first, workerCount: workerCount)
    // Marked, and yet nobody refers to it.
    let referred = Bitmap(count: blocks)
    for list in pieces { for target in list { referred.insert(Int(target)) } }
    for list in entries { for target in list { referred.insert(Int(target)) } }
    var entries = entries
    for block in 0..<blocks where marked.contains(block) && !referred.contains(block) {
      entries[orphanRoot].append(UInt32(block))
    }
    graph = Self.joined(&pieces, entries, order: order, blocks: blocks, first: first)
  }

  /// Blocks that refer to one of these blocks by anything but an unowned reference, ascending. What leads to few blocks need not be looked for in all
  /// memory. O(blocks + references), none of which is read.
  func sources(of targets: some Sequence<Int>) -> [UInt32] {
    let wanted = Bitmap(count: blockCount)
    for target in targets where target < blockCount { wanted.insert(target) }
    var sources: [UInt32] = []
    for block in 0..<blockCount where graph.edges(of: block).contains(where: { refersToBlock($0, in: wanted) }) {
      sources.append(UInt32(block))
    }
    return sources
  }

  @inline(__always)
  private func refersToBlock(_ edge: Int, in wanted: Bitmap) -> Bool { wanted.contains(Int(graph.targets[edge])) }

  /// Blocks that are swept together.
  private static let pieceSize = 1 << 15

  /// The references of all marked blocks, piece by piece in address order.
  ///
  /// - Parameter degrees: gets the number of each block's references, one place behind it.
  private static func sweep(
    _ references: HeapReferences, _ marked: Bitmap, degrees: FlatArray<UInt32>, workerCount: Int
  ) throws(MemoryError) -> [[UInt32]] {
    let blocks = references.heap.blocks.count
    let pieceCount = (blocks + pieceSize - 1) / pieceSize
    let pieces = Mutex<[[UInt32]]>(Array(repeating: [], count: pieceCount))
    let next = Atomic<Int>(0)
    let failure = Mutex<MemoryError?>(nil)
    let workers = (0..<max(1, min(workerCount, pieceCount))).map { _ in Sweeper(references) }
    let sweep: @Sendable (Int) -> Void = { index in
      while true {
        let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard piece < pieceCount, failure.withLock({ $0 == nil }) else { return }
        var sink = DegreeSink(degrees: degrees, marked: marked)
        do throws(MemoryError) {
          try workers[index].sweep(piece * pieceSize..<min(blocks, (piece + 1) * pieceSize), marked, &sink)
        } catch {
          failure.withLock { $0 = error }
          return
        }
        let targets = sink.targets
        pieces.withLock { $0[piece] = targets }
      }
    }
    ThreadTeam.perform(workers.count, sweep)
    if let error = failure.withLock({ $0 }) { throw error }
    return pieces.withLock { pieces in
      defer { pieces = [] }
      return pieces
    }
  }

  /// One compressed sparse row of blocks, roots and the top.
  ///
  /// - Parameters:
  ///   - pieces: references of the blocks in their order; emptied one by one, so that they are not there twice.
  ///   - first: degrees of the blocks, one place behind each.
  private static func joined(
    _ pieces: inout [[UInt32]], _ entries: [[UInt32]], order: [Int], blocks: Int, first: FlatArray<UInt32>
  ) -> CompressedGraph {
    let total = pieces.reduce(0) { $0 + $1.count } + entries.reduce(0) { $0 + $1.count } + entries.count
    let targets = FlatArray<UInt32>(repeating: 0, count: total)
    var position = 0
    for index in pieces.indices {
      for target in pieces[index] {
        targets[position] = target
        position += 1
      }
      pieces[index] = []
    }
    // Degrees stand one behind their node: sums turn them into starts.
    var sum: UInt32 = 0
    for node in 0...blocks {
      sum += first[node]
      first[node] = sum
    }
    for (index, list) in entries.enumerated() {
      for target in list {
        targets[position] = target
        position += 1
      }
      first[blocks + index + 1] = UInt32(position)
    }
    for index in order {
      targets[position] = UInt32(blocks + index)
      position += 1
    }
    first[blocks + entries.count + 1] = UInt32(position)
    return CompressedGraph(first: first, targets: targets)
  }
}

/// One thread's scanner.
private final class Sweeper: @unchecked Sendable {
  private var scanner: BlockScanner
  private let references: HeapReferences

  init(_ references: HeapReferences) {
    self.references = references
    scanner = references.scanner()
  }

  func sweep(_ range: Range<Int>, _ marked: Bitmap, _ sink: inout DegreeSink) throws(MemoryError) {
    var list: [UInt32] = []
    list.reserveCapacity(range.count)
    for block in range where marked.contains(block) && !references.isLeaf(block) { list.append(UInt32(block)) }
    try scanner.scan(count: list.count, { Int(list[$0]) }, into: &sink)
  }
}

/// Collects what keeps its target: not unowned references, and not an object that points to itself.
private struct DegreeSink: ReferenceSink {
  /// Written at source + 1; no two sweepers share a source.
  let degrees: FlatArray<UInt32>
  let marked: Bitmap
  var targets: [UInt32] = []
  private var lastSource = -1
  private var lastTarget = -1

  init(degrees: FlatArray<UInt32>, marked: Bitmap) {
    self.degrees = degrees
    self.marked = marked
  }

  @inline(__always)
  mutating func reference(from source: Int, offset: UInt64, to target: Int, _ strength: ReferenceSlot.Strength) {
    guard strength != .unowned, source != target, source != lastSource || target != lastTarget,
      marked.contains(target)
    else { return }
    lastSource = source
    lastTarget = target
    degrees[source + 1] &+= 1
    targets.append(UInt32(target))
  }
}
