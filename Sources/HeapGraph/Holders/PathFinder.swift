import Malloc
import ProcessImage
import SwiftMetadata

/// Objects that are reached by paths of one shape: the same root, types and fields, whatever the elements' numbers.
public struct PathGroup: Sendable, Hashable, Codable {
  /// A block on the way, and the field of the one before that refers to it.
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
  /// Where the root is a library's variable: the first step that is the program's own, if there is one. What comes before is the
  /// library's inside.
  public var firstOwn: Int?
  public var objects: Int
  /// Of the objects themselves, and of all that would go with them.
  public var bytes, retainedBytes: UInt64
  /// Address of one of the objects.
  public var example: String

  /// `cache[value].offers[key] -> String`: storages are folded into the field before them. Of a library's inside only the last step is
  /// named, the one that leads to the program's own.
  public var text: String { text(whole: false) }

  /// - Parameter whole: with every step of a library's inside.
  public func text(whole: Bool) -> String {
    var text = root.title
    var pending = ""
    var shown = steps[...]
    if !whole, let firstOwn, firstOwn > 2, firstOwn < steps.count {
      text += " -> … -> " + steps[firstOwn - 1].type
      shown = steps[firstOwn...]
    }
    for step in shown {
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
