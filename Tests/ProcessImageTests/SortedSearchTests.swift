import Testing

@testable import ProcessImage

struct SortedSearchTests {
  @Test func findsWhatThereIs() {
    let numbers = [2, 3, 5, 5, 8]
    #expect(numbers.sortedIndex(of: 2) == 0)
    #expect(numbers.sortedIndex(of: 5) == 2)
    #expect(numbers.sortedIndex(of: 8) == 4)
    for absent in [1, 4, 9] { #expect(numbers.sortedIndex(of: absent) == nil) }
    #expect([Int]().sortedIndex(of: 1) == nil)
  }

  @Test(arguments: 0...9) func splitsAnywhere(count: Int) {
    for split in 0...count { #expect(Array(0..<count).partitionIndex { $0 < split } == split) }
  }

  @Test func rangesEndBeforeTheirUpperBound() {
    let ranges: [Range<UInt64>] = [10..<20, 20..<30, 40..<50]
    #expect(ranges.range(containing: 9) == nil)
    #expect(ranges.range(containing: 10) == 10..<20)
    #expect(ranges.range(containing: 20) == 20..<30)
    #expect(ranges.range(containing: 30) == nil)
    #expect(ranges.range(containing: 49) == 40..<50)
    #expect(ranges.range(containing: .max) == nil)
    #expect(ranges.firstIndex(endingAfter: 30) == 2)
    #expect(ranges.firstIndex(endingAfter: 50) == 3)
  }
}
