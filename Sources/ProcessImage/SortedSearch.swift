extension Array {
  /// Number of leading elements for which `isBefore` holds, in an array sorted that way. O(log n).
  @inlinable
  package func partitionIndex(_ isBefore: (Element) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension Array where Element: Comparable {
  /// Index of the first element that equals `value`, in an ascending array. O(log n).
  @inlinable
  package func sortedIndex(of value: Element) -> Int? {
    let index = partitionIndex { $0 < value }
    return index < count && self[index] == value ? index : nil
  }
}

extension [Range<UInt64>] {
  /// Index of the first range that ends after `address`, in ranges that are sorted and do not overlap. O(log n).
  @inlinable
  package func firstIndex(endingAfter address: UInt64) -> Int { partitionIndex { $0.upperBound <= address } }

  /// The range that holds `address`, of ranges that are sorted and do not overlap. O(log n).
  @inlinable
  package func range(containing address: UInt64) -> Range<UInt64>? {
    let index = firstIndex(endingAfter: address)
    return index < count && self[index].lowerBound <= address ? self[index] : nil
  }
}
