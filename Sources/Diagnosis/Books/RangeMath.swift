import ProcessImage

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
    var index = ranges.firstIndex(endingAfter: bounds.lowerBound)
    var sum: UInt64 = 0
    while index < ranges.count, ranges[index].lowerBound < bounds.upperBound {
      sum &+= min(ranges[index].upperBound, bounds.upperBound) - max(ranges[index].lowerBound, bounds.lowerBound)
      index += 1
    }
    return sum
  }
}
