import Malloc
import SwiftMetadata

/// By which field most blocks of a group are held that no single holder keeps: an event that is published to several streams is an element of
/// each of their buffers.
///
/// What refers to a sample of each group is read, and then what refers to the containers that were found; for unowned references the whole heap.
final class SharedFields {
  private let holders: HeapHolders
  /// References of this kind lead to the groups: strong ones, or the unowned ones that keep memory of deinitialised objects.
  private let isUnowned: Bool
  private var groups: [(index: Int, sample: [Int])] = []

  private static let mostSamples = 256
  /// Part of the sample that has to be held by one field.
  private static let most = 0.6

  init(_ holders: HeapHolders, isUnowned: Bool = false) {
    self.holders = holders
    self.isUnowned = isUnowned
  }

  /// - Parameter index: by what the caller knows the group.
  func add(_ nodes: [Int], as index: Int) {
    let step = max(nodes.count / Self.mostSamples, 1)
    groups.append((index, stride(from: 0, to: nodes.count, by: step).map { nodes[$0] }))
  }

  /// - Returns: the field by the group's index, for those that have one.
  func find() throws -> [Int: String] {
    guard !groups.isEmpty else { return [:] }
    var found: [Int: String] = [:]
    var containers: [(index: Int, element: String, sources: [Int])] = []
    for (group, winner) in try winners(groups.map(\.sample), isUnowned: isUnowned) {
      let text = holders.labels.text(winner.source, winner.label)
      if text.hasPrefix(".") {
        found[groups[group].index] = holders.name(winner.source) + text
      } else if text.hasPrefix("[") {
        containers.append((groups[group].index, text, winner.sources))
        // To the memory of a dead object the element itself is what leads, whoever holds the container.
        if isUnowned { found[groups[group].index] = holders.name(winner.source) + text }
      }
    }
    for (number, winner) in try winners(containers.map(\.sources), isUnowned: false) {
      let text = holders.labels.text(winner.source, winner.label)
      guard text.hasPrefix(".") else { continue }
      found[containers[number].index] = holders.name(winner.source) + text + containers[number].element
    }
    return found
  }

  private struct Winner {
    var source: Int
    var label: EdgeLabel
    var sources: [Int]
  }

  /// The type and field that refer to most of each list, if these are most of it.
  private func winners(_ lists: [[Int]], isUnowned: Bool) throws -> [Int: Winner] {
    guard lists.contains(where: { !$0.isEmpty }) else { return [:] }
    var sink = Sink(holders: holders, isUnowned: isUnowned)
    for (number, list) in lists.enumerated() { for node in list { sink.targets[node, default: []].append(number) } }
    sink.tallies = Array(repeating: [:], count: lists.count)
    let references = holders.references
    let marked = references.marked
    // The graph has no unowned references.
    let blocks = isUnowned ? references.sources { marked.contains($0) } : holders.graph.sources(of: sink.targets.keys)
    var scanner = references.scanner()
    try scanner.scan(count: blocks.count, { Int(blocks[$0]) }, into: &sink)
    var result: [Int: Winner] = [:]
    for (number, tally) in sink.tallies.enumerated() {
      guard let best = tally.max(by: { ($0.value.targets.count, $1.key.raw) < ($1.value.targets.count, $0.key.raw) }),
        Double(best.value.targets.count) >= Self.most * Double(lists[number].count),
        let source = best.value.sources.first
      else { continue }
      result[number] = Winner(source: source, label: EdgeLabel(raw: best.key.raw), sources: best.value.sources)
    }
    return result
  }

  private struct Sink: ReferenceSink {
    struct Key: Hashable {
      var type: UInt64
      var raw: UInt32
    }
    struct Tally {
      var targets: Set<Int> = []
      /// Some of the blocks that refer to them.
      var sources: [Int] = []
    }
    let holders: HeapHolders
    let isUnowned: Bool
    var targets: [Int: [Int]] = [:]
    var tallies: [[Key: Tally]] = []

    mutating func reference(from source: Int, offset: UInt64, to target: Int, _ strength: ReferenceSlot.Strength) {
      guard isUnowned ? strength == .unowned : strength == .strong || strength == .ambiguous, source != target,
        let numbers = targets[target],
        // A list's node leads to the next one: that is not where the list is held.
        holders.typeKey(source) != holders.typeKey(target)
      else { return }
      let key = Key(type: holders.typeKey(source), raw: holders.labels.label(source, offset).raw)
      for number in numbers {
        tallies[number][key, default: Tally()].targets.insert(target)
        if let known = tallies[number][key]?.sources, known.count < 64, known.last != source {
          tallies[number][key]?.sources.append(source)
        }
      }
    }
  }
}
