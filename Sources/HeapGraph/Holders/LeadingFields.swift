import Malloc
import SwiftMetadata

/// A field that refers to a block.
public struct LeadingField: Sendable, Hashable {
  /// `OfferCache.offersByUser`.
  public var name: String
  /// Variables and frames that lead to the object with the field, up to three, those first that a developer can change.
  public var roots: [String]
}

extension HeapHolders {
  /// The fields that refer to some blocks: `OfferCache.offersByUser`.
  ///
  /// If a stack or a register refers to a block, too, the tree of dominators has no field for it: the block hangs on what all of its holders have in
  /// common. The object that owns it is the same in every snapshot nevertheless. A container inside of others gets the field of the
  /// outermost: `Emitter.handlers[value]`. O(references) for each level of such containers; only blocks that refer to them are read.
  ///
  /// - Parameter addresses: starts of blocks, as `Holder.example` has them.
  public func leadingFields(of addresses: [UInt64]) throws -> [UInt64: LeadingField] {
    try leadingFields(of: addresses, levels: Self.mostLevels)
  }

  /// Containers inside of containers that are looked through.
  private static var mostLevels: Int { 2 }

  private func leadingFields(of addresses: [UInt64], levels: Int) throws -> [UInt64: LeadingField] {
    let heap = references.heap
    var targets: [Int: UInt64] = [:]
    for address in addresses {
      let block = heap.blocks.index(startingAt: address)
      if block >= 0 { targets[block] = address }
    }
    guard !targets.isEmpty else { return [:] }
    let blocks = graph.sources(of: targets.keys)
    var sink = FieldSink(targets: targets, holders: self)
    var scanner = references.scanner()
    try scanner.scan(count: blocks.count, { Int(blocks[$0]) }, into: &sink)
    var result = sink.found.mapValues { LeadingField(name: $0.name, roots: rootTitles(ofNode: $0.source)) }
    let inner = sink.containers.filter { result[$0.key] == nil }
    guard levels > 0, !inner.isEmpty else { return result }
    let outer = try leadingFields(of: inner.values.map { heap.blocks.address($0.source) }, levels: levels - 1)
    for (address, place) in inner {
      guard let field = outer[heap.blocks.address(place.source)] else { continue }
      result[address] = LeadingField(name: field.name + place.step, roots: field.roots)
    }
    return result
  }

  private struct FieldSink: ReferenceSink {
    let targets: [Int: UInt64]
    let holders: HeapHolders
    var found: [UInt64: (name: String, source: Int)] = [:]
    /// The container in which a block lies, and as what: `[value]`.
    var containers: [UInt64: (step: String, source: Int)] = [:]

    mutating func reference(from source: Int, offset: UInt64, to target: Int, _ strength: ReferenceSlot.Strength) {
      guard strength == .strong || strength == .ambiguous, source != target, let address = targets[target] else {
        return
      }
      // A library's inside that leads there, as a stream's context to its buffer, says less than what has the library's object.
      let known = found[address]
      guard known.map({ isInside($0.source) && !isInside(source) }) ?? true else { return }
      // A list's node leads to the next one: that is not where the list is held.
      guard holders.references.heap.typeIndex(source) != holders.references.heap.typeIndex(target) else { return }
      let field = holders.labels.text(source, holders.labels.label(source, offset))
      // What has no name helps nobody.
      if field.hasPrefix(".") {
        found[address] = (holders.name(source) + field, source)
      } else if field.hasPrefix("["), containers[address] == nil {
        containers[address] = (field, source)
      }
    }

    private func isInside(_ source: Int) -> Bool { InsideNames.isInside(holders.name(source)) }
  }
}
