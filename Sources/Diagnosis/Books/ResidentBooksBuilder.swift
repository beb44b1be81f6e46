import HeapGraph
import Malloc
import ProcessImage
import SwiftMetadata
import Timeline

extension ResidentBooks {
  /// Closes the books of one snapshot.
  ///
  /// - Parameters:
  ///   - mapped: the target's mappings with their resident bytes, read while the snapshot was taken.
  ///   - present: resident ranges of private anonymous memory of the snapshot, sorted; nil where only whole mappings are known.
  /// O(blocks + pages + mappings).
  public init(
    image: ProcessImage, heap: TypedHeap, mapped: [MappedMemory], present: [Range<UInt64>]?
  ) {
    var rows: [Holder: Int64] = [:]
    let resident = mapped.reduce(UInt64(0)) { $0 &+ $1.resident }
    let owned = heap.walk.ownedRanges
    let present = present ?? mapped.map { $0.mapping.start..<max($0.mapping.start, $0.mapping.end) }
    let heapPages = RangeMath.intersection(present, RangeMath.rounded(owned))
    let stackSizes = Set(mapped.filter { Self.holdsStack($0.mapping, image) }.map { $0.mapping.size })
    var heapResident: UInt64 = 0
    var largest: [UInt64] = []
    var previous: Mapping?
    for entry in mapped {
      let mapping = entry.mapping
      defer { previous = mapping }
      guard entry.resident > 0 else { continue }
      if mapping.permissions.contains(.shared) || Self.isMemoryFile(mapping) {
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
        if rest > 0 { largest.append(rest) }
      }
    }
    let tally = LiveTally(heap: heap, pages: heapPages)
    let headers = min(UInt64(heap.blocks.count) &* 8, heapResident)
    let live = tally.swift &+ tally.native
    rows[.swiftObjects] = Int64(tally.swift)
    rows[.nativeBlocks] = Int64(tally.native)
    rows[.allocatorOverhead] = Int64(headers)
    let free = Int64(heapResident) - Int64(live) - Int64(headers)
    rows[.allocatorFree] = max(free, 0)
    let sum = rows.values.reduce(0, +)
    rows[.unexplained] = Int64(resident) - sum
    self.init(
      rows: rows, resident: resident, trimmable: tally.emptyPages,
      largestMappings: Array(largest.sorted(by: >).prefix(8)))
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

  /// Private mappings of files that are memory themselves.
  private static func isMemoryFile(_ mapping: Mapping) -> Bool {
    mapping.path.hasPrefix("/dev/shm/") || mapping.path.hasPrefix("/memfd:") || mapping.path.hasPrefix("/SYSV")
  }
}

/// Resident bytes of live blocks.
struct LiveTally {
  private(set) var swift: UInt64 = 0
  private(set) var native: UInt64 = 0
  /// Whole resident pages without a live block.
  private(set) var emptyPages: UInt64 = 0
  private static let page: UInt64 = 4096

  /// One pass over blocks and pages, both in address order.
  init(heap: TypedHeap, pages: [Range<UInt64>]) {
    let blocks = heap.blocks
    let isSwift = heap.types.map { $0.kind != .native }
    var index = 0
    /// First byte that no block seen so far needs.
    var used: UInt64 = 0
    for range in pages {
      // Blocks that ended before this range lie in memory that is not resident.
      var position = max(range.lowerBound, Swift.min(used, range.upperBound))
      if index > 0, index <= blocks.count {
        // The block before may reach into this range.
        let last = index - 1
        let end = blocks.address(last) &+ blocks.size(last)
        if end > range.lowerBound, blocks.address(last) < range.lowerBound {
          add(Swift.min(end, range.upperBound) - range.lowerBound, isSwift: isSwift[heap.typeIndex(last)])
        }
      }
      while index < blocks.count, blocks.address(index) < range.upperBound {
        let start = blocks.address(index)
        let end = start &+ blocks.size(index)
        if end > range.lowerBound {
          let low = max(start, range.lowerBound)
          let high = Swift.min(end, range.upperBound)
          add(high - low, isSwift: isSwift[heap.typeIndex(index)])
          // The header before a block is in use too.
          let taken = low >= 16 ? low - 16 : low
          countEmpty(from: position, to: taken)
          position = max(position, high)
        }
        used = max(used, end)
        index += 1
      }
      countEmpty(from: position, to: range.upperBound)
    }
  }

  private mutating func add(_ bytes: UInt64, isSwift: Bool) {
    if isSwift { swift &+= bytes } else { native &+= bytes }
  }

  private mutating func countEmpty(from start: UInt64, to end: UInt64) {
    let first = (start &+ Self.page &- 1) & ~(Self.page &- 1)
    let last = end & ~(Self.page &- 1)
    if last > first { emptyPages &+= last - first }
  }
}

/// Sorted lists of address ranges.
enum RangeMath {
  /// Outwards to whole pages.
  static func rounded(_ ranges: [Range<UInt64>]) -> [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    for range in ranges {
      let low = range.lowerBound & ~4095
      let high = range.upperBound > UInt64.max - 4095 ? range.upperBound : (range.upperBound + 4095) & ~4095
      if let last = result.last, low <= last.upperBound {
        result[result.count - 1] = last.lowerBound..<max(last.upperBound, high)
      } else if low < high {
        result.append(low..<high)
      }
    }
    return result
  }

  /// O(n + m).
  static func intersection(_ left: [Range<UInt64>], _ right: [Range<UInt64>]) -> [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    var (i, j) = (0, 0)
    while i < left.count, j < right.count {
      let low = max(left[i].lowerBound, right[j].lowerBound)
      let high = min(left[i].upperBound, right[j].upperBound)
      if low < high { result.append(low..<high) }
      if left[i].upperBound < right[j].upperBound { i += 1 } else { j += 1 }
    }
    return result
  }

  /// O(log n + ranges inside).
  static func length(_ ranges: [Range<UInt64>], within bounds: Range<UInt64>) -> UInt64 {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound <= bounds.lowerBound { low = middle + 1 } else { high = middle }
    }
    var sum: UInt64 = 0
    while low < ranges.count, ranges[low].lowerBound < bounds.upperBound {
      sum &+= min(ranges[low].upperBound, bounds.upperBound) - max(ranges[low].lowerBound, bounds.lowerBound)
      low += 1
    }
    return sum
  }
}
