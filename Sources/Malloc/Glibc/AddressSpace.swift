import ProcessImage

/// The private writable memory of an image as runs without gaps, with binary search.
///
/// The kernel splits one heap into several mappings (after `madvise`, `mprotect`) and merges neighbours into one, so that
/// the allocator's own boundaries are never the mappings'.
struct AddressSpace: Sendable {
  /// Sorted runs of private, readable and writable memory.
  let runs: [Range<UInt64>]
  /// Those parts of it that are anonymous: where `malloc` puts heaps and mmapped chunks.
  let anonymous: [Range<UInt64>]
  /// No user memory lies above, whatever a broken image says; sums of addresses and sizes below cannot overflow.
  static let limit: UInt64 = 1 << 60

  init(_ mappings: [Mapping]) {
    var runs: [Range<UInt64>] = []
    var anonymous: [Range<UInt64>] = []
    func add(_ range: Range<UInt64>, to list: inout [Range<UInt64>]) {
      if let last = list.last, last.upperBound >= range.lowerBound {
        if range.upperBound > last.upperBound { list[list.count - 1] = last.lowerBound..<range.upperBound }
      } else {
        list.append(range)
      }
    }
    for mapping in mappings where mapping.isWritablePrivate && mapping.start < mapping.end && mapping.end <= Self.limit
    {
      // Sorted input is the image's promise; a torn one is skipped over.
      if let last = runs.last, mapping.start < last.lowerBound { continue }
      add(mapping.start..<mapping.end, to: &runs)
      if mapping.isAnonymous && !mapping.path.hasPrefix("[stack") {
        add(mapping.start..<mapping.end, to: &anonymous)
      }
    }
    self.runs = runs
    self.anonymous = anonymous
  }

  /// The run that holds `address`. O(log n).
  func run(containing address: UInt64) -> Range<UInt64>? { runs.range(containing: address) }

  /// The whole of `address ..< address + count` is private writable memory.
  func contains(_ address: UInt64, count: UInt64) -> Bool {
    guard let run = run(containing: address) else { return false }
    return run.upperBound - address >= count
  }

  /// `ranges` without `holes`; both sorted and not overlapping. O(n + m).
  static func subtract(_ holes: [Range<UInt64>], from ranges: [Range<UInt64>]) -> [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    var index = 0
    for range in ranges {
      var start = range.lowerBound
      while index < holes.count && holes[index].upperBound <= start { index += 1 }
      var hole = index
      while hole < holes.count && holes[hole].lowerBound < range.upperBound {
        if holes[hole].lowerBound > start { result.append(start..<holes[hole].lowerBound) }
        start = max(start, min(holes[hole].upperBound, range.upperBound))
        hole += 1
      }
      if start < range.upperBound { result.append(start..<range.upperBound) }
    }
    return result
  }

  /// Sorts ranges and joins those that touch or overlap. O(n log n).
  static func union(_ ranges: [Range<UInt64>]) -> [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
      if let last = result.last, last.upperBound >= range.lowerBound {
        if range.upperBound > last.upperBound { result[result.count - 1] = last.lowerBound..<range.upperBound }
      } else {
        result.append(range)
      }
    }
    return result
  }
}
