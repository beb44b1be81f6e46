import HeapGraph
import Malloc
import ProcessImage
import SwiftMetadata
import Timeline

extension ResidentBooks {
  /// Closes the books of one snapshot.
  ///
  /// - Parameters:
  ///   - mapped: the target's mappings with their resident bytes at the instant of the snapshot.
  ///   - present: resident ranges of private anonymous memory of the snapshot, sorted; nil where only whole mappings are known.
  /// O(blocks + pages + mappings).
  public init(
    image: ProcessImage, analysis: HeapAnalysis, mapped: [MappedMemory], present: [Range<UInt64>]?
  ) {
    var rows: [Holder: Int64] = [:]
    let resident = mapped.reduce(UInt64(0)) { $0 &+ $1.resident }
    let owned = analysis.heap.walk.ownedRanges
    let present = present ?? mapped.map { $0.mapping.start..<max($0.mapping.start, $0.mapping.end) }
    let heapPages = RangeMath.intersection(present, RangeMath.rounded(owned))
    let stackSizes = Set(mapped.filter { Self.holdsStack($0.mapping, image) }.map { $0.mapping.size })
    var heapResident: UInt64 = 0
    var largest: [(resident: UInt64, start: UInt64)] = []
    var previous: Mapping?
    for entry in mapped {
      let mapping = entry.mapping
      defer { previous = mapping }
      guard entry.resident > 0 else { continue }
      if mapping.isMemoryFile || mapping.permissions.contains(.shared) && !mapping.isFile {
        rows[.shared, default: 0] += Int64(entry.resident)
        continue
      }
      if mapping.isFile {
        rows[.moduleData, default: 0] += Int64(entry.anonymous)
        rows[.files, default: 0] += Int64(entry.resident &- min(entry.anonymous, entry.resident))
        continue
      }
      var rest = entry.resident
      let inHeap = min(RangeMath.length(heapPages, within: mapping.start..<mapping.end), rest)
      heapResident &+= inHeap
      rest -= inHeap
      if Self.holdsStack(mapping, image) || Self.wasStack(mapping, previous, stackSizes) {
        rows[.stacks, default: 0] += Int64(rest)
      } else if image.modules.contains(where: { $0.start < mapping.end && mapping.start < $0.end }) {
        rows[.moduleData, default: 0] += Int64(rest)
      } else {
        rows[.mappings, default: 0] += Int64(rest)
        if rest > 0 { largest.append((rest, mapping.start)) }
      }
    }
    let headers = UInt64(analysis.blockCount) &* 8
    let tally =
      analysis.isSurvey
      ? LiveTally(
        counted: analysis, unwritten: UnwrittenBytes(analysis.heap.blocks, mappings: image.mappings, present: present),
        most: heapResident - min(headers, heapResident)) : LiveTally(heap: analysis.heap, pages: heapPages)
    let live = tally.swift &+ tally.native
    let overhead = min(headers &+ tally.allocatorOwn, heapResident)
    rows[.swiftObjects] = Int64(tally.swift)
    rows[.nativeBlocks] = Int64(tally.native)
    rows[.allocatorOverhead] = Int64(overhead)
    let free = Int64(heapResident) - Int64(live) - Int64(overhead)
    rows[.allocatorFree] = max(free, 0)
    let sum = rows.values.reduce(0, +)
    rows[.unexplained] = Int64(resident) - sum
    largest = Array(largest.sorted { $0.resident > $1.resident }.prefix(8))
    self.init(
      rows: rows, resident: resident, trimmable: tally.trimmable, threadTops: tally.threadTops,
      largestMappings: largest.map(\.resident))
    mappingStarts = largest.map(\.start)
  }

  private static func holdsStack(_ mapping: Mapping, _ image: ProcessImage) -> Bool {
    mapping.path == "[stack]" || image.threads.contains { mapping.contains($0.stackPointer) }
  }

  /// glibc keeps the stacks of ended threads for the next ones: of the same size as a stack in use, behind a guard.
  private static func wasStack(_ mapping: Mapping, _ previous: Mapping?, _ sizes: Set<UInt64>) -> Bool {
    guard let previous, previous.end == mapping.start, previous.permissions.isEmpty, previous.size <= 1 << 20,
      mapping.permissions == [.read, .write]
    else { return false }
    return sizes.contains(mapping.size) || mapping.size == (8 << 20)
  }
}
