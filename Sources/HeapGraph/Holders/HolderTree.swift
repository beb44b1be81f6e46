import Malloc
import ProcessImage
import SwiftMetadata

/// Merges the dominator tree by shape: siblings of one type under one field become one holder with a count.
///
/// Blocks of the same type as their parent are counted with it, so that a list or a tree is one holder however deep it is. A type that comes again
/// further down ends the branch, but not one that says nothing: blocks without a type, tasks without a function, arrays of objects, collections of
/// `Any`. O(blocks of holders above the cut).
struct HolderTreeBuilder {
  let holders: HeapHolders
  /// Holders below this share of the reachable bytes are summed up.
  let cut: UInt64
  let showContents: Bool
  private let labels: FlatArray<UInt32>
  /// By preorder number; nil where nothing is known to be unwritten.
  private let unwritten: FlatArray<UInt64>?
  private let childLabels: ChildLabels
  private var scanner: BlockScanner

  private static let deepest = 40

  init(_ holders: HeapHolders, cut: UInt64, showContents: Bool) {
    self.holders = holders
    self.cut = cut
    self.showContents = showContents
    labels = FlatArray(repeating: Self.unlabelled, count: holders.tree.count)
    unwritten = holders.unwritten.flatMap { $0.blocks.isEmpty ? nil : holders.unwrittenBelow($0) }
    childLabels = ChildLabels(holders.tree, holders.references, holders.labels, labels: labels)
    scanner = holders.references.scanner()
  }

  private static let unlabelled = LinkedLabels.unlabelled

  /// Blocks of one type that hang on their parent by one field.
  struct Group {
    /// Preorder numbers.
    var members: [UInt32] = []
    var retained: UInt64 = 0
    var label: UInt32
  }

  struct GroupKey: Hashable {
    var type: UInt64
    var label: UInt32
  }

  /// The roots, and the blocks to which several of them lead by type.
  func tops() -> (roots: [UInt32], shared: [GroupKey: Group]) {
    let tree = holders.tree
    var roots: [UInt32] = []
    var shared: [GroupKey: Group] = [:]
    tree.forEachChild(of: 0) { vertex in
      let node = tree.node(vertex)
      if node >= holders.graph.blockCount {
        roots.append(UInt32(vertex))
      } else {
        shared[GroupKey(type: holders.typeKey(node), label: 0), default: Group(label: Self.unlabelled)]
          .add(vertex, tree)
      }
    }
    return (roots, shared)
  }

  /// The roots and what several of them share, largest first.
  mutating func build() throws -> (roots: [Holder], otherCount: Int, otherBytes: UInt64) {
    let tree = holders.tree
    let (roots, shared) = tops()
    var result: [Holder] = []
    var otherCount = 0
    var otherBytes: UInt64 = 0
    for vertex in roots {
      let retained = tree.retained[Int(vertex)]
      guard retained >= cut, retained > 0 else {
        if retained > 0 {
          otherCount += 1
          otherBytes += retained
        }
        continue
      }
      let name = holders.roots[tree.node(Int(vertex)) - holders.graph.blockCount]
      var holder = Holder(
        kind: .root, name: name.title, root: name, field: "", count: 1, ownBytes: 0, retainedBytes: retained)
      holder.unwrittenBytes = unwrittenBytes([vertex])
      try expand([vertex], type: nil, into: &holder, above: [])
      if name.kind == .unowned { try addOwners(of: vertex, to: &holder) }
      result.append(holder)
    }
    let owners = SharedFields(holders)
    for (key, group) in shared {
      guard group.retained >= cut else {
        otherCount += group.members.count
        otherBytes += group.retained
        continue
      }
      var holder = try self.holder(key, group, field: "", above: [])
      holder.kind = .shared
      holder.heldBy = heldBy(group)
      if group.members.count > 1 { owners.add(group.members.map { tree.node(Int($0)) }, as: result.count) }
      result.append(holder)
    }
    for (index, field) in try owners.find() { result[index].sharedBy = field }
    result.sort { ($0.retainedBytes, $1.name) > ($1.retainedBytes, $0.name) }
    return (result, otherCount, otherBytes)
  }

  /// Which fields keep the memory of deinitialised objects, by the objects' type.
  private func addOwners(of root: UInt32, to holder: inout Holder) throws {
    let owners = SharedFields(holders, isUnowned: true)
    var nodes: [String: [Int]] = [:]
    for vertex in spread([root], type: nil).direct {
      let node = holders.tree.node(Int(vertex))
      nodes[holders.name(node), default: []].append(node)
    }
    for (index, child) in holder.children.enumerated() { owners.add(nodes[child.name] ?? [], as: index) }
    for (index, field) in try owners.find() { holder.children[index].sharedBy = field }
  }

  /// Up to three roots: those that refer to the one block, or those that lead to most of several.
  private func heldBy(_ group: Group) -> [String] {
    let tree = holders.tree
    if group.members.count == 1 { return holders.rootTitles(ofNode: tree.node(Int(group.members[0]))) }
    var leaders: [Int: UInt64] = [:]
    for vertex in group.members {
      guard let leader = holders.leadingNode(tree.node(Int(vertex))) else { continue }
      leaders[leader, default: 0] &+= tree.retained[Int(vertex)]
    }
    var bytes: [String: UInt64] = [:]
    for (leader, retained) in leaders { bytes[holders.leaderTitle(leader), default: 0] &+= retained }
    let sorted = bytes.sorted { ($0.value, $1.key) > ($1.value, $0.key) }
    // What leads to next to nothing of it is not who holds it.
    return sorted.filter { $0.value >= sorted[0].value / 10 }.prefix(3).map(\.key)
  }

  private mutating func holder(
    _ key: GroupKey, _ group: Group, field: String, above: [UInt64]
  ) throws -> Holder {
    let tree = holders.tree
    // The one that keeps most: the head of a list, the root of a tree.
    let largest = group.members.max { tree.retained[Int($0)] < tree.retained[Int($1)] } ?? group.members[0]
    let block = tree.node(Int(largest))
    var holder = Holder(
      kind: .blocks, name: name(block, group), root: nil, field: field, count: group.members.count, ownBytes: 0,
      retainedBytes: group.retained,
      example: "0x" + String(holders.references.heap.blocks.address(block), radix: 16))
    holder.unwrittenBytes = unwrittenBytes(group.members)
    try expand(group.members, type: key.type, into: &holder, above: above + [key.type])
    return holder
  }

  /// A value too large for an existential lies in a box, which looks like the context of a closure: what leads there tells them apart.
  private func name(_ block: Int, _ group: Group) -> String {
    let name = holders.name(block)
    guard holders.kind(block) == .closureContext, group.label != Self.unlabelled else { return name }
    let parent = holders.tree.node(Int(holders.tree.dominators.immediate[Int(group.members[0])]))
    guard parent < holders.graph.blockCount, holders.labels.isBoxed(parent, EdgeLabel(raw: group.label)) else {
      return name
    }
    return BlockNames.boxName(name)
  }

  /// Of the blocks themselves.
  private func unwrittenBytes(of blocks: [UInt32]) -> UInt64 {
    guard unwritten != nil, let known = holders.unwritten else { return 0 }
    return blocks.reduce(UInt64(0)) { $0 &+ known.bytes(of: Int($1)) }
  }

  /// Of what these keep; nil for none.
  private func unwrittenBytes(_ members: [UInt32]) -> UInt64? {
    guard let unwritten else { return nil }
    let sum = members.reduce(UInt64(0)) { $0 &+ unwritten[Int($1)] }
    return sum == 0 ? nil : sum
  }

  /// Collects what `members` and blocks of their own type below them dominate directly.
  private mutating func expand(
    _ members: [UInt32], type: UInt64?, into holder: inout Holder, above: [UInt64]
  ) throws {
    let tree = holders.tree
    let (all, direct) = spread(members, type: type)
    if type != nil {
      holder.count = all.count
      let table = holders.references.heap.blocks
      for vertex in all { holder.ownBytes += table.size(tree.node(Int(vertex))) }
      let blocks = all.map { UInt32(tree.node(Int($0))) }
      holder.allocatedIn = allocatedIn(blocks)
      // Bytes of an entry are those that take memory.
      let absent = unwrittenBytes(of: blocks)
      let absentBehind = (holder.unwrittenBytes ?? 0) - min(absent, holder.unwrittenBytes ?? 0)
      let behind = holder.retainedBytes - min(holder.ownBytes &+ absentBehind, holder.retainedBytes)
      holder.container = try ContainerReader(
        references: holders.references, showContents: showContents, caches: holders.caches
      )
      .summary(blocks, behind: behind)
      holder.container?.leaveOut(absent)
      // Nodes of a tree become more as it grows: it is still one container.
      if let first = blocks.first, case .hashNode = holders.references.heap.type(Int(first)).layout,
        let container = holder.container
      {
        holder.count = container.containers
      }
      if let first = blocks.first, holders.references.heap.type(Int(first)).actor == .standard {
        holder.actors = try holders.actors.get().summary(blocks.lazy.map { Int($0) })
      }
    }
    guard !direct.isEmpty else { return }
    let groups = try groups(direct, below: type == nil ? [] : all)
    let isDeepest = above.count >= Self.deepest
    for (key, group) in groups.sorted(by: {
      ($0.value.retained, $1.key.type, $1.key.label) > ($1.value.retained, $0.key.type, $0.key.label)
    }) {
      let comesAgain = above.contains(key.type) && !holders.isUnknown(key.type) && !holders.isOfAny(key.type)
      guard group.retained >= cut, !isDeepest, !comesAgain else {
        holder.otherCount += group.members.count
        holder.otherBytes += group.retained
        continue
      }
      holder.children.append(try self.holder(key, group, field: field(of: group, in: holder), above: above))
    }
  }

  /// `members` with the blocks of their own type below them, and what hangs directly on these.
  func spread(_ members: [UInt32], type: UInt64?) -> (all: [UInt32], direct: [UInt32]) {
    let tree = holders.tree
    let type = type.flatMap { holders.isOfAny($0) ? nil : $0 }
    var all = members
    var direct: [UInt32] = []
    var position = 0
    while position < all.count {
      let vertex = Int(all[position])
      position += 1
      tree.forEachChild(of: vertex) { child in
        if let type, holders.typeKey(tree.node(child)) == type {
          all.append(UInt32(child))
        } else {
          direct.append(UInt32(child))
        }
      }
    }
    return (all, direct)
  }

  /// `direct` by type and by the field of `parents`, which are empty for a root, that leads there.
  mutating func groups(
    _ direct: [UInt32], below parents: [UInt32]
  ) throws(MemoryError) -> [GroupKey: Group] {
    if !parents.isEmpty { try label(parents) }
    var places: [GroupKey: Int] = [:]
    var groups: [Group] = []
    // Most often neighbours are of one kind, and a look-up for each of millions would cost more than all else here.
    var last: (key: GroupKey, place: Int)?
    let tree = holders.tree
    for vertex in direct {
      let label = labels[Int(vertex)]
      let key = GroupKey(type: holders.typeKey(tree.node(Int(vertex))), label: label)
      if last?.key != key {
        let place = places[key] ?? groups.count
        if place == groups.count {
          groups.append(Group(label: label))
          places[key] = place
        }
        last = (key, place)
      }
      guard let last else { continue }
      groups[last.place].add(Int(vertex), tree)
    }
    return places.mapValues { groups[$0] }
  }

  /// The field that leads to a group; empty where it has no name.
  private func field(of group: Group, in holder: Holder) -> String {
    let field = field(of: group)
    // The value is the one thing in its box.
    let capture = ".capture"
    guard holder.name.hasPrefix(BlockNames.boxPrefix), field == capture || field.hasPrefix(capture + ".") else {
      return field
    }
    return String(field.dropFirst(capture.count))
  }

  /// The same, for any holder.
  func field(of group: Group) -> String {
    let parent = holders.tree.node(Int(holders.tree.dominators.immediate[Int(group.members[0])]))
    guard group.label != Self.unlabelled, parent < holders.graph.blockCount else { return "" }
    return holders.labels.text(parent, EdgeLabel(raw: group.label))
  }

  private func allocatedIn(_ blocks: [UInt32]) -> [AllocatedIn]? {
    guard let allocations = holders.references.allocations else { return nil }
    let table = holders.references.heap.blocks
    var tally = AllocationStacks.Tally()
    for block in blocks {
      if let stack = allocations.stack(address: table.address(Int(block)), usableBytes: table.size(Int(block))) {
        tally.add(stack)
      }
    }
    let summary = tally.summary(allocations)
    return summary.isEmpty ? nil : summary
  }

  /// Finds by which of its words a block refers to those that it dominates.
  private mutating func label(_ members: [UInt32]) throws(MemoryError) {
    let tree = holders.tree
    let references = holders.references
    // Only what hangs on them is labelled.
    let blocks = members.lazy.filter { tree.hasChildren(Int($0)) }.map { UInt32(tree.node(Int($0))) }
      .filter { !references.isLeaf(Int($0)) }.sorted()
    try childLabels.label(below: blocks)
    let objects = members.filter { holders.kind(tree.node(Int($0))) == .class }
    try LinkedLabels(tree: tree, labels: labels)
      .complete(below: objects, scanner: &scanner, references: references)
  }
}

extension HolderTreeBuilder.Group {
  mutating func add(_ vertex: Int, _ tree: DominatorTree) {
    members.append(UInt32(vertex))
    retained += tree.retained[vertex]
  }
}
