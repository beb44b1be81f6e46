import Malloc
import ProcessImage
import SwiftMetadata

/// Objects that are reached by paths of one shape: the same root, types and fields, whatever the elements' numbers.
public struct PathGroup: Sendable, Hashable, Codable {
  public struct Step: Sendable, Hashable, Codable {
    /// The field of the step before that leads here: `.offers`, `[value]`; empty where it has no name.
    public var field: String
    /// The block's type as a developer writes it.
    public var type: String
    /// Storage of a collection: reads better as part of the field.
    public var isStorage: Bool
  }

  public var root: NamedRoot
  /// From the root to the object, which is the last one. Repetitions of a list's links are one step.
  public var steps: [Step]
  public var objects: Int
  /// Of the objects themselves, and of all that would go with them.
  public var bytes, retainedBytes: UInt64
  /// Address of one of the objects.
  public var example: String

  /// `cache[value].offers[key] -> String`: storages are folded into the field before them.
  public var text: String {
    var text = root.title
    var pending = ""
    for step in steps {
      pending += step.field
      if step.isStorage { continue }
      text += pending + " -> " + step.type
      pending = ""
    }
    // The object itself is a storage: say of what.
    if let last = steps.last, last.isStorage { text += pending + " -> " + last.type }
    return text
  }
}

/// The answer of `HeapHolders.paths(to:)`.
public struct PathReport: Sendable, Hashable, Codable {
  /// What was asked for, as the heap calls it.
  public var subject: String
  public var objects: Int
  public var bytes: UInt64
  /// Objects that no root leads to.
  public var unreachable: Int
  /// Of actors that keep a queue of jobs.
  public var actors: ActorSummary?
  /// Most objects first.
  public var groups: [PathGroup]
  /// Further paths, where there are more than anyone reads, and the objects that these lead to.
  public var otherGroups = 0
  public var otherObjects = 0
}

extension HeapHolders {
  /// What paths are asked for.
  public enum Subject: Sendable, Hashable {
    case type(String)
    case address(UInt64)

    /// `0x…` is an address, everything else a type.
    public init(parsing text: String) {
      if text.hasPrefix("0x"), let address = UInt64(text.dropFirst(2), radix: 16) {
        self = .address(address)
      } else {
        self = .type(text)
      }
    }
  }

  /// Shortest paths to the objects of a type, or to the one at an address, merged by shape.
  ///
  /// - Throws: `HoldersError.noSuchType` with names that are near, `.noBlock` with the reason; `MemoryError`.
  public func paths(to subject: Subject, image: ProcessImage, showContents: Bool = false) throws -> PathReport {
    switch subject {
    case .address(let address):
      let block = try self.block(at: address, image: image)
      let start = references.heap.blocks.address(block)
      // The address may be that of a field.
      let place = address == start ? "at" : "\(address - start) bytes into the block at"
      return try report(
        [UInt32(block)], subject: "\(name(block)) \(place) 0x\(String(start, radix: 16))",
        positions: ElementPositions(references: references, showContents: showContents))
    case .type(let text):
      let types = try TypeQuery(heap: references.heap).types(named: text)
      var blocks: [UInt32] = []
      for block in 0..<graph.blockCount where types.indices.contains(references.heap.typeIndex(block)) {
        blocks.append(UInt32(block))
      }
      let positions =
        blocks.count == 1 ? ElementPositions(references: references, showContents: showContents) : nil
      return try report(blocks, subject: types.name, positions: positions)
    }
  }

  private func block(at address: UInt64, image: ProcessImage) throws -> Int {
    let blocks = references.heap.blocks
    let index = blocks.index(containing: address)
    if index >= 0 { return index }
    if references.heap.walk.ownedRanges.contains(where: { $0.contains(address) }) {
      throw HoldersError.noBlock(address: address, reason: "it lies in the heap, but is free or the allocator's own")
    }
    guard let mapping = image.mappings.containing(address) else {
      throw HoldersError.noBlock(address: address, reason: "nothing is mapped there")
    }
    throw HoldersError.noBlock(
      address: address,
      reason: "it lies outside the heap, in \(mapping.path.isEmpty ? "anonymous memory" : mapping.path)")
  }

  private func actorSummary(_ blocks: [UInt32]) throws -> ActorSummary? {
    guard let first = blocks.first, references.heap.type(Int(first)).actor == .standard else { return nil }
    return try actors.get().summary(blocks.lazy.map { Int($0) })
  }

  private func report(_ blocks: [UInt32], subject: String, positions: ElementPositions?) throws -> PathReport {
    let search = paths
    let heap = references.heap
    let reached = blocks.filter { search.parent(Int($0)) != nil }
    var shapes = PathShapes(self, search: search, positions: positions)
    let groups = try shapes.groups(reached)
    var report = PathReport(
      subject: subject, objects: blocks.count, bytes: blocks.reduce(0) { $0 + heap.blocks.size(Int($1)) },
      unreachable: blocks.count - reached.count, actors: try actorSummary(reached), groups: groups)
    report.otherGroups = shapes.otherGroups
    report.otherObjects = shapes.otherObjects
    return report
  }
}

/// Gives each path a number, so that equal shapes are found without comparing paths.
private struct PathShapes {
  private let holders: HeapHolders
  private let search: ShortestPaths
  private var scanner: BlockScanner
  /// For one object alone: its elements' and keys' positions on the way.
  private let positions: ElementPositions?

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
    scanner = holders.references.scanner()
  }

  mutating func groups(_ targets: [UInt32]) throws(MemoryError) -> [PathGroup] {
    let blockCount = holders.graph.blockCount
    let heap = holders.references.heap
    // All blocks on the way.
    let needed = Bitmap(count: blockCount)
    for target in targets {
      var node = Int(target)
      while node < blockCount, needed.insertIfAbsent(node), let parent = search.parent(node) { node = parent }
    }
    var sources: [UInt32] = []
    for block in 0..<blockCount where needed.contains(block) && !holders.references.isLeaf(block) {
      sources.append(UInt32(block))
    }
    let labels = FlatArray<UInt32>(repeating: .max, count: blockCount)
    var sink = LabelSink(search: search, names: holders.labels, needed: needed, labels: labels)
    if positions != nil { sink.offsets = [:] }
    try scanner.scan(count: sources.count, { Int(sources[$0]) }, into: &sink)

    // Parents come first in the order of the search.
    let shape = FlatArray<UInt32>(repeating: 0, count: holders.graph.graph.count)
    var known: [Key: UInt32] = [:]
    var list: [(key: Key, block: Int)] = []
    for position in 0..<search.count {
      let node = Int(search.order[position])
      let isRoot = node >= blockCount
      guard isRoot || needed.contains(node) else { continue }
      let parent = search.parent(node) ?? holders.graph.top
      let parentShape = isRoot ? 0 : shape[parent]
      let key = Key(parent: parentShape, type: holders.typeKey(node), label: isRoot ? 0 : labels[node])
      if let number = known[key] {
        shape[node] = number
        continue
      }
      let number =
        isRoot
        ? nil : Self.repeated(key, list) ?? (list.count < Self.mostShapes ? nil : overflow(key, &known, &list, node))
      if let number {
        shape[node] = number
      } else {
        list.append((key, node))
        shape[node] = UInt32(list.count)
      }
      known[key] = shape[node]
    }
    let wanted = Bitmap(count: blockCount)
    for target in targets { wanted.insert(Int(target)) }
    var collected: [UInt32: (objects: Int, bytes: UInt64, retained: UInt64, example: Int)] = [:]
    for target in targets {
      var entry = collected[shape[Int(target)]] ?? (0, 0, 0, Int(target))
      entry.objects += 1
      entry.bytes += heap.blocks.size(Int(target))
      if !hangsOnAnother(Int(target), wanted, shape) {
        entry.retained &+= holders.tree.retainedBytes(ofNode: Int(target))
      }
      collected[shape[Int(target)]] = entry
    }
    var result: [PathGroup] = []
    let most = collected.sorted { ($0.value.objects, $1.key) > ($1.value.objects, $0.key) }
    for (_, entry) in most.dropFirst(Self.mostGroups) {
      otherGroups += 1
      otherObjects += entry.objects
    }
    for (number, entry) in most.prefix(Self.mostGroups) {
      var steps: [PathGroup.Step] = []
      var current = number
      var root = NamedRoot(kind: .anonymous, title: "unknown root")
      while current > 0 {
        let (key, node) = list[Int(current) - 1]
        if node >= blockCount {
          root = holders.roots[node - blockCount]
          break
        }
        let parent = search.parent(node) ?? holders.graph.top
        var field =
          parent < blockCount && key.label != .max ? holders.labels.text(parent, EdgeLabel(raw: key.label)) : ""
        if let positions, let offset = sink.offsets?[UInt32(node)], let position = positions.text(parent, offset),
          field.hasPrefix("["), let end = field.firstIndex(of: "]")
        {
          field = position + field[field.index(after: end)...]
        }
        let kind = heap.type(node).kind
        steps.append(
          PathGroup.Step(
            field: field, type: holders.name(node),
            isStorage: kind == .arrayStorage || kind == .dictionaryStorage || kind == .setStorage
              || (kind == .taskSlab && node != list[Int(number) - 1].block)))
        current = key.parent
      }
      steps.reverse()
      if steps.count > Self.shownSteps {
        let left = steps.count - Self.shownSteps
        steps =
          steps.prefix(Self.shownSteps / 2)
          + [PathGroup.Step(field: "", type: "… \(left) more steps …", isStorage: false)]
          + steps.suffix(Self.shownSteps / 2)
      }
      result.append(
        PathGroup(
          root: root, steps: steps, objects: entry.objects, bytes: entry.bytes, retainedBytes: entry.retained,
          example: "0x" + String(heap.blocks.address(entry.example), radix: 16)))
    }
    return result.sorted { ($0.objects, $0.bytes, $1.text) > ($1.objects, $1.bytes, $0.text) }
  }

  /// Another object of the same path keeps this one, a link of a list: its bytes count with that one.
  private func hangsOnAnother(_ target: Int, _ wanted: Bitmap, _ shape: FlatArray<UInt32>) -> Bool {
    let tree = holders.tree
    guard var vertex = tree.vertex(target) else { return false }
    for _ in 0..<Self.foldedSteps where vertex > 0 {
      vertex = Int(tree.dominators.immediate[vertex])
      let node = tree.node(vertex)
      if node < holders.graph.blockCount, wanted.contains(node), shape[node] == shape[target] { return true }
    }
    return false
  }

  /// The shape of a step before with the same type: a link of a list or a tree, or of types that refer to each other in turn.
  private static func repeated(_ key: Key, _ list: [(key: Key, block: Int)]) -> UInt32? {
    var current = key.parent
    for _ in 0..<foldedSteps where current > 0 {
      let step = list[Int(current) - 1].key
      if step.type == key.type { return current }
      current = step.parent
    }
    return nil
  }

  /// One shape for all of a root and a type.
  private func overflow(
    _ key: Key, _ known: inout [Key: UInt32], _ list: inout [(key: Key, block: Int)], _ node: Int
  ) -> UInt32 {
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
