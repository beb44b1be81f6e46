import Malloc
import ProcessImage
import SwiftMetadata

/// Paths from roots to some blocks, merged by shape into the tree that `HolderTreeBuilder` makes of all.
///
/// Blocks of their parent's own type join it, as there.
struct SampledTree {
  private final class Branch {
    var field: String
    var type: Int
    /// Blocks that were met on paths.
    var blocks: Set<UInt32> = []
    /// Blocks of samples that end here, and their bytes: estimates.
    var count = 0.0
    var ownBytes = 0.0
    var retained = 0.0
    var children: [Key: Branch] = [:]

    init(field: String, type: Int) {
      self.field = field
      self.type = type
    }
  }

  private struct Key: Hashable {
    var field: String
    var type: Int
  }

  private let references: HeapReferences
  private let names: RootNames
  private let labels: EdgeLabels
  private var tops: [Int: Branch] = [:]

  init(_ references: HeapReferences, names: RootNames, labels: EdgeLabels) {
    self.references = references
    self.names = names
    self.labels = labels
  }

  /// - Parameters:
  ///   - weight: blocks that the last one of the path stands for.
  ///   - bytes: of these.
  mutating func add(_ path: BackwardSearch.Path, standsFor weight: Double, bytes: Double) {
    let heap = references.heap
    let top = tops[path.root] ?? Branch(field: "", type: -1)
    tops[path.root] = top
    top.retained += bytes
    var branch = top
    for (index, step) in path.steps.enumerated() {
      let type = heap.typeIndex(step.block)
      if type != branch.type || type == TypedHeap.unknown {
        var field = ""
        if index > 0 {
          let before = path.steps[index - 1]
          field = labels.text(before.block, labels.label(before.block, before.offset))
        }
        let key = Key(field: field, type: type)
        let child = branch.children[key] ?? Branch(field: field, type: type)
        branch.children[key] = child
        branch = child
        branch.retained += bytes
      }
      branch.blocks.insert(UInt32(step.block))
    }
    branch.count += weight
    branch.ownBytes += bytes
  }

  func report(reachableBytes: UInt64, reachableBlocks: Int) throws(MemoryError) -> HolderReport {
    var holders: [Holder] = []
    for (root, branch) in tops {
      let name = names.names[root]
      var holder = Holder(
        kind: .root, name: name.title, root: name, field: "", count: 1, ownBytes: 0,
        retainedBytes: bytes(branch.retained)
      )
      holder.children = try children(of: branch)
      holders.append(holder)
    }
    holders.sort { ($0.retainedBytes, $1.name) > ($1.retainedBytes, $0.name) }
    let told = holders.reduce(UInt64(0)) { $0 &+ $1.retainedBytes }
    return HolderReport(
      reachableBytes: reachableBytes, reachableBlocks: reachableBlocks, holders: holders, otherCount: 0,
      otherBytes: reachableBytes - min(told, reachableBytes))
  }

  private func bytes(_ estimate: Double) -> UInt64 { UInt64(max(0, min(estimate, 0x1p62)).rounded()) }

  private func children(of branch: Branch) throws(MemoryError) -> [Holder] {
    var holders: [Holder] = []
    for child in branch.children.values {
      let blocks = child.blocks.sorted()
      guard let first = blocks.first else { continue }
      let name = ContainerNames.readable(child.type, in: references.heap)
      // Blocks between a root and a sample were met, and not counted.
      let met = blocks.reduce(UInt64(0)) { $0 &+ references.heap.blocks.size(Int($1)) }
      var holder = Holder(
        kind: .blocks, name: name, root: nil, field: child.field,
        count: max(blocks.count, Int(max(0, min(child.count, 0x1p62)).rounded())),
        ownBytes: max(bytes(child.ownBytes), met), retainedBytes: bytes(child.retained))
      holder.example = "0x" + String(references.heap.blocks.address(Int(first)), radix: 16)
      if child.count <= Double(blocks.count) {
        holder.container = try ContainerReader(references: references).summary(
          blocks, behind: holder.retainedBytes - min(holder.ownBytes, holder.retainedBytes), describesEntries: false)
      }
      holder.children = try children(of: child)
      holders.append(holder)
    }
    return holders.sorted { ($0.retainedBytes, $1.name, $1.field) > ($1.retainedBytes, $0.name, $0.field) }
  }
}
