import Malloc
import ProcessImage
import SwiftMetadata

/// Gives each path a number, so that equal shapes are found without comparing paths.
struct PathShapes {
  private let holders: HeapHolders
  private let search: ShortestPaths
  /// For one object alone: its elements' and keys' positions on the way.
  private let positions: ElementPositions?
  private var blockCount: Int { holders.graph.blockCount }

  /// Blocks on the way to what is asked for.
  private let needed: Bitmap
  /// By block: the label of the reference that leads to it, `.max` where none was found.
  private let labels: FlatArray<UInt32>
  /// By block: where in its parent that reference is; empty unless positions are wanted.
  private var offsets: [UInt32: UInt64] = [:]
  /// By node: the number of its shape, counted from 1.
  private let shape: FlatArray<UInt32>
  private var known: [Key: UInt32] = [:]
  /// By number - 1: the shape, and a node that has it.
  private var list: [(key: Key, block: Int)] = []

  /// A shape is the shape of the path up to the parent, and the last step.
  private struct Key: Hashable {
    var parent: UInt32
    var type: UInt64
    var label: UInt32
  }

  /// Longer paths are shown by their ends.
  private static let shownSteps = 24
  /// Types that alternate along a list give every link a path of its own: up to this many steps back they are known as the same again.
  private static let foldedSteps = 64
  /// More shapes than these are not told apart but by their root and type.
  private static let mostShapes = 1 << 17
  /// Paths that are put into words.
  private static let mostGroups = 1000

  private(set) var otherGroups = 0
  private(set) var otherObjects = 0

  init(_ holders: HeapHolders, search: ShortestPaths, positions: ElementPositions?) {
    self.holders = holders
    self.search = search
    self.positions = positions
    needed = Bitmap(count: holders.graph.blockCount)
    labels = FlatArray(repeating: .max, count: holders.graph.blockCount)
    shape = FlatArray(repeating: 0, count: holders.graph.graph.count)
  }

  mutating func groups(_ targets: [UInt32]) throws(MemoryError) -> [PathGroup] {
    try label(pathsTo: targets)
    number()
    let found = collected(targets).sorted { ($0.value.objects, $1.key) > ($1.value.objects, $0.key) }
    for (_, entry) in found.dropFirst(Self.mostGroups) {
      otherGroups += 1
      otherObjects += entry.objects
    }
    return found.prefix(Self.mostGroups).map { group($0, $1) }
      .sorted { ($0.objects, $0.bytes, $1.text) > ($1.objects, $1.bytes, $0.text) }
  }

  /// Finds by which of its words each block on the way refers to the next one.
  private mutating func label(pathsTo targets: [UInt32]) throws(MemoryError) {
    let parents = Bitmap(count: holders.graph.graph.count)
    for target in targets {
      var node = Int(target)
      while node < blockCount, needed.insertIfAbsent(node), let parent = search.parent(node) {
        parents.insert(parent)
        node = parent
      }
    }
    let references = holders.references
    let sources = references.sources { parents.contains($0) }
    var sink = LabelSink(search: search, names: holders.labels, needed: needed, labels: labels)
    if positions != nil { sink.offsets = [:] }
    var scanner = references.scanner()
    try scanner.scan(count: sources.count, { Int(sources[$0]) }, into: &sink)
    offsets = sink.offsets ?? [:]
  }

  /// Gives the roots and all blocks on the way the numbers of their shapes. Parents come first in the order of the search.
  private mutating func number() {
    let (holders, search, shape, labels) = (holders, search, shape, labels)
    let (blockCount, top) = (blockCount, holders.graph.top)
    // Neighbours in the search are most often of one shape, and millions of look-ups are most of the time otherwise.
    var last: (key: Key, number: UInt32)?
    for position in 0..<search.count {
      let node = Int(search.order[position])
      let isRoot = node >= blockCount
      guard isRoot || needed.contains(node) else { continue }
      let parent = search.parent(node) ?? top
      let key = Key(
        parent: isRoot ? 0 : shape[parent], type: holders.typeKey(node), label: isRoot ? 0 : labels[node])
      if let last, last.key == key {
        shape[node] = last.number
        continue
      }
      var number = known[key]
      if number == nil {
        number = (isRoot ? nil : repeated(key)) ?? added(key, node, isRoot: isRoot)
        known[key] = number
      }
      guard let number else { continue }
      shape[node] = number
      last = (key, number)
    }
  }

  /// A shape that is not known: a new one while there is room, else one for all of a root and a type.
  private mutating func added(_ key: Key, _ node: Int, isRoot: Bool) -> UInt32 {
    if !isRoot, list.count >= Self.mostShapes { return overflow(key, node) }
    list.append((key, node))
    return UInt32(list.count)
  }

  /// Objects at the end of paths of one shape.
  private struct Entry {
    var objects = 0
    var bytes: UInt64 = 0, retained: UInt64 = 0
    var example: Int

    init(example: Int) { self.example = example }

    mutating func add(bytes: UInt64) {
      objects += 1
      self.bytes &+= bytes
    }
  }

  /// By the number of the shape.
  private func collected(_ targets: [UInt32]) -> [(key: UInt32, value: Entry)] {
    let (tree, shape, blocks) = (holders.tree, shape, holders.references.heap.blocks)
    var entries = [Entry?](repeating: nil, count: list.count + 1)
    // In the order of the tree, in which a block and what keeps it are neighbours: 0 for what is not asked for.
    let shapes = FlatArray<UInt32>(repeating: 0, count: tree.count)
    for target in targets.lazy.map({ Int($0) }) {
      let number = Int(shape[target])
      if entries[number] == nil { entries[number] = Entry(example: target) }
      entries[number]?.add(bytes: blocks.size(target))
      if let vertex = tree.vertex(target) { shapes[vertex] = shape[target] }
    }
    for vertex in 0..<tree.count where shapes[vertex] != 0 && !Self.hangsOnAnother(vertex, shapes, tree) {
      entries[Int(shapes[vertex])]?.retained &+= tree.retained[vertex]
    }
    return entries.enumerated().compactMap { number, entry in entry.map { (UInt32(number), $0) } }
  }

  /// A shape in words.
  private func group(_ number: UInt32, _ entry: Entry) -> PathGroup {
    var steps: [PathGroup.Step] = []
    var own: [Bool] = []
    var current = number
    var root = NamedRoot(kind: .anonymous, title: "unknown root")
    while current > 0 {
      let (key, node) = list[Int(current) - 1]
      if node >= blockCount {
        root = holders.roots[node - blockCount]
        break
      }
      steps.append(step(key, node, isLast: node == list[Int(number) - 1].block))
      own.append(holders.isTelling(node))
      current = key.parent
    }
    steps.reverse()
    var firstOwn = root.library == nil ? nil : own.lastIndex(of: true).map { own.count - 1 - $0 }
    if steps.count > Self.shownSteps {
      let left = steps.count - Self.shownSteps
      // Its place once the middle is one step.
      firstOwn = firstOwn.flatMap {
        $0 < Self.shownSteps / 2 ? $0 : $0 > Self.shownSteps / 2 + left ? $0 - left + 1 : nil
      }
      steps =
        steps.prefix(Self.shownSteps / 2)
        + [PathGroup.Step(field: "", type: "… \(left) more steps …", isStorage: false)]
        + steps.suffix(Self.shownSteps / 2)
    }
    return PathGroup(
      root: root, steps: steps, firstOwn: firstOwn, objects: entry.objects, bytes: entry.bytes,
      retainedBytes: entry.retained,
      example: "0x" + String(holders.references.heap.blocks.address(entry.example), radix: 16))
  }

  private func step(_ key: Key, _ node: Int, isLast: Bool) -> PathGroup.Step {
    let parent = search.parent(node) ?? holders.graph.top
    var field = parent < blockCount && key.label != .max ? holders.labels.text(parent, EdgeLabel(raw: key.label)) : ""
    if let positions, let offset = offsets[UInt32(node)], let position = positions.text(parent, offset),
      field.hasPrefix("["), let end = field.firstIndex(of: "]")
    {
      field = position + field[field.index(after: end)...]
    }
    let kind = holders.kind(node)
    let isCollection = kind == .arrayStorage || kind == .dictionaryStorage || kind == .setStorage
    return PathGroup.Step(
      field: field, type: holders.name(node), isStorage: isCollection || kind == .taskSlab && !isLast)
  }

  /// Another object of the same path keeps this one, a link of a list: its bytes count with that one.
  private static func hangsOnAnother(_ target: Int, _ shapes: FlatArray<UInt32>, _ tree: DominatorTree) -> Bool {
    var vertex = target
    for _ in 0..<foldedSteps where vertex > 0 {
      vertex = Int(tree.dominators.immediate[vertex])
      if shapes[vertex] == shapes[target] { return true }
    }
    return false
  }

  /// The shape of a step before with the same type: a link of a list or a tree, or of types that refer to each other in turn.
  private func repeated(_ key: Key) -> UInt32? {
    guard !holders.isOfAny(key.type) else { return nil }
    var current = key.parent
    for _ in 0..<Self.foldedSteps where current > 0 {
      let step = list[Int(current) - 1].key
      if step.type == key.type { return current }
      current = step.parent
    }
    return nil
  }

  /// One shape for all of a root and a type.
  private mutating func overflow(_ key: Key, _ node: Int) -> UInt32 {
    var root = key.parent
    while root > 0, list[Int(root) - 1].key.parent > 0 { root = list[Int(root) - 1].key.parent }
    let short = Key(parent: root, type: key.type, label: .max)
    if let number = known[short] { return number }
    list.append((short, node))
    known[short] = UInt32(list.count)
    return UInt32(list.count)
  }

  private struct LabelSink: ReferenceSink {
    let search: ShortestPaths
    let names: EdgeLabels
    let needed: Bitmap
    let labels: FlatArray<UInt32>
    /// Of each needed block; nil where they are not wanted.
    var offsets: [UInt32: UInt64]?

    mutating func reference(from source: Int, offset: UInt64, to target: Int, _ strength: ReferenceSlot.Strength) {
      guard strength != .unowned, needed.contains(target), labels[target] == .max, search.parent(target) == source
      else { return }
      labels[target] = names.label(source, offset).raw
      offsets?[UInt32(target)] = offset
    }
  }
}
