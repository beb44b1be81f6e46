import Malloc
import ProcessImage
import SwiftMetadata

/// Goes back from some blocks to the roots, one reference further with each pass over the heap.
struct BackwardSearch {
  /// A reference: `block` refers to the one that was asked about, by a word at `offset`.
  struct Referrer: Hashable {
    var block: Int
    var offset: UInt64
  }

  /// From a root to a block: the root, and each block with the offset of the word that refers to the next.
  struct Path {
    var root: Int
    var steps: [Referrer]
  }

  private struct Node {
    var referrers: [Referrer] = []
    /// References to the block from the nearest root on; nil where none is known to lead here.
    var distance: Int?
    var root: Int?
  }

  private let references: HeapReferences
  private let edges: TypeEdges
  /// The root by which a block is known best: see `RootNames.order`.
  private var roots: [Int: Int] = [:]
  private var frameRoots: [Int: Int] = [:]
  private var nodes: [Int: Node] = [:]
  private let samples: [Int]
  private var frontier: [Int]
  private var blocksRead = 0
  private let mustStop: (@Sendable () -> Bool)?

  /// - Parameter samples: where to begin.
  init(
    _ references: HeapReferences, _ edges: TypeEdges, _ names: RootNames, _ samples: [Int],
    mustStop: (@Sendable () -> Bool)?
  ) {
    self.mustStop = mustStop
    self.references = references
    self.edges = edges
    self.samples = samples
    for root in names.order.reversed() {
      // What a thread just works on is no holder as long as there is another one.
      let isFrame = names.isDeferred[root] || names.names[root].kind == .unowned
      for block in names.entries[root] {
        if isFrame { frameRoots[Int(block)] = root } else { roots[Int(block)] = root }
      }
    }
    frontier = []
    for sample in samples where nodes[sample] == nil { add(sample) }
  }

  private mutating func add(_ block: Int) {
    let root = roots[block]
    nodes[block] = Node(distance: root == nil ? nil : 0, root: root)
    frontier.append(block)
  }

  /// One pass.
  ///
  /// - Returns: false where there is nothing left to ask for.
  mutating func goBack(mostBlocks: Int) throws(MemoryError) -> Bool {
    let needed = unsettled()
    let targets = Set(frontier.filter { needed.contains($0) && nodes[$0]?.root == nil }.prefix(mostBlocks))
    guard !targets.isEmpty else { return false }
    let heap = references.heap
    let sources = edges.sources(of: Set(targets.map { heap.typeIndex($0) }))
    let wanted = Bitmap(count: heap.blocks.count)
    for target in targets { wanted.insert(target) }
    var sink = ReferrerSink(heap: heap, targets: wanted)
    try scan(sources, into: &sink)
    frontier = []
    for (target, referrers) in sink.found.sorted(by: { $0.key < $1.key }) {
      nodes[target]?.referrers = referrers
      for referrer in referrers where nodes[referrer.block] == nil { add(referrer.block) }
    }
    return true
  }

  private static let batchSize = 1 << 14
  /// No more blocks are read than in so many passes over all of them.
  private static let mostWholePasses = 4

  /// It has been read as much as may be.
  var isExhausted: Bool { blocksRead > references.heap.blocks.count * Self.mostWholePasses }

  /// Reads the reached blocks of some types.
  private mutating func scan(_ types: Set<Int>, into sink: inout some ReferenceSink) throws(MemoryError) {
    let heap = references.heap
    var scanner = references.scanner()
    var batch: [UInt32] = []
    let isWanted = heap.types.indices.map { types.contains($0) }
    for block in 0..<heap.blocks.count where references.marked.contains(block) && isWanted[heap.typeIndex(block)] {
      batch.append(UInt32(block))
      guard batch.count == Self.batchSize else { continue }
      if mustStop?() == true { throw .targetGone }
      try scanner.scan(count: batch.count, { Int(batch[$0]) }, into: &sink)
      blocksRead += batch.count
      batch.removeAll(keepingCapacity: true)
    }
    try scanner.scan(count: batch.count, { Int(batch[$0]) }, into: &sink)
    blocksRead += batch.count
  }

  /// Blocks to which only blocks of their own type refer are links of a list or nodes of a tree, and the way back through these may be as long as there are
  /// blocks. They hang on the links to which something else refers. After the first pass; takes one more.
  mutating func enterLists() throws(MemoryError) {
    let heap = references.heap
    var linked: [Int: [Int]] = [:]
    for sample in Set(samples) {
      guard let node = nodes[sample], node.root == nil, !node.referrers.isEmpty else { continue }
      let type = heap.typeIndex(sample)
      if node.referrers.allSatisfy({ heap.typeIndex($0.block) == type }) { linked[type, default: []].append(sample) }
    }
    guard !linked.isEmpty else { return }
    var entries: [Int: [Int]] = [:]
    for block in roots.keys.sorted() {
      let type = heap.typeIndex(block)
      if linked[type] != nil, entries[type, default: []].count < Self.mostEntries { entries[type]?.append(block) }
    }
    let types = Set(linked.keys)
    var sink = EntrySink(heap: heap, isWanted: heap.types.indices.map { types.contains($0) }, most: Self.mostEntries)
    try scan(edges.sources(of: types), into: &sink)
    for (type, found) in sink.found {
      for (entry, referrer) in found {
        entries[type, default: []].append(entry)
        if nodes[entry] == nil { add(entry) }
        nodes[entry]?.referrers.append(referrer)
        if nodes[referrer.block] == nil { add(referrer.block) }
      }
    }
    // A list that only a thread works on.
    for block in frameRoots.keys.sorted() {
      let type = heap.typeIndex(block)
      if linked[type] != nil, entries[type, default: []].isEmpty { entries[type] = [block] }
    }
    for (type, samples) in linked {
      guard let entries = entries[type], !entries.isEmpty else { continue }
      for (index, sample) in samples.sorted().enumerated() {
        let entry = entries[index % entries.count]
        if nodes[entry] == nil { add(entry) }
        if entry != sample { nodes[sample]?.referrers.append(Referrer(block: entry, offset: 0)) }
      }
    }
  }

  /// Of one type.
  private static let mostEntries = 64

  /// Blocks on whose holders it depends whether a root is found of some sample.
  private mutating func unsettled() -> Set<Int> {
    measure()
    var needed: Set<Int> = []
    var stack = samples.filter { nodes[$0]?.distance == nil }
    while let block = stack.popLast() {
      guard needed.insert(block).inserted else { continue }
      for referrer in nodes[block]?.referrers ?? [] { stack.append(referrer.block) }
    }
    return needed
  }

  /// Breadth first from the blocks that have a root. O(nodes + referrers).
  private mutating func measure() {
    var referredBy: [Int: [Int]] = [:]
    var level: [Int] = []
    for (block, node) in nodes {
      for referrer in node.referrers { referredBy[referrer.block, default: []].append(block) }
      nodes[block]?.distance = node.root == nil ? nil : 0
      if node.root != nil { level.append(block) }
    }
    var distance = 0
    while !level.isEmpty {
      distance += 1
      var next: [Int] = []
      for block in level {
        for target in referredBy[block] ?? [] where nodes[target]?.distance == nil {
          nodes[target]?.distance = distance
          next.append(target)
        }
      }
      level = next
    }
  }

  /// What no variable leads to hangs on what a thread works on.
  mutating func settle() {
    let needed = unsettled()
    for block in needed {
      if let root = frameRoots[block] { nodes[block]?.root = root }
    }
    measure()
  }

  /// The shortest path that is known; of several that through the referrer with the lowest address.
  func path(to block: Int) -> Path? {
    var steps = [Referrer(block: block, offset: 0)]
    var current = block
    while let node = nodes[current], let distance = node.distance {
      if distance == 0 { return node.root.map { Path(root: $0, steps: steps.reversed()) } }
      let next = node.referrers.filter { nodes[$0.block]?.distance == distance - 1 }
        .min { ($0.block, $0.offset) < ($1.block, $1.offset) }
      guard let next else { return nil }
      steps.append(next)
      current = next.block
    }
    return nil
  }
}

/// Who refers to some blocks: of each type of referrers the first few.
private struct ReferrerSink: ReferenceSink {
  let heap: TypedHeap
  let targets: Bitmap
  private(set) var found: [Int: [BackwardSearch.Referrer]] = [:]
  private var counts: [Kind: Int] = [:]

  private struct Kind: Hashable {
    var target, type: Int
  }

  private static let mostOfKind = 3

  init(heap: TypedHeap, targets: Bitmap) {
    self.heap = heap
    self.targets = targets
  }

  @inline(__always)
  mutating func reference(from source: Int, offset: UInt64, to target: Int, _ strength: ReferenceSlot.Strength) {
    guard targets.contains(target), source != target, strength != .weak, strength != .unowned else { return }
    let kind = Kind(target: target, type: heap.typeIndex(source))
    guard counts[kind, default: 0] < Self.mostOfKind else { return }
    counts[kind, default: 0] += 1
    found[target, default: []].append(BackwardSearch.Referrer(block: source, offset: offset))
  }
}

/// References from blocks of other types to those of some types.
private struct EntrySink: ReferenceSink {
  let heap: TypedHeap
  /// By type.
  let isWanted: [Bool]
  let most: Int
  private(set) var found: [Int: [(entry: Int, referrer: BackwardSearch.Referrer)]] = [:]

  init(heap: TypedHeap, isWanted: [Bool], most: Int) {
    self.heap = heap
    self.isWanted = isWanted
    self.most = most
  }

  @inline(__always)
  mutating func reference(from source: Int, offset: UInt64, to target: Int, _ strength: ReferenceSlot.Strength) {
    let type = heap.typeIndex(target)
    guard isWanted[type], strength != .weak, strength != .unowned, heap.typeIndex(source) != type else { return }
    guard found[type]?.count ?? 0 < most else { return }
    found[type, default: []].append((target, BackwardSearch.Referrer(block: source, offset: offset)))
  }
}
