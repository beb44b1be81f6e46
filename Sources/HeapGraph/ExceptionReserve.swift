import Malloc
import ProcessImage

/// What libstdc++ keeps for exceptions that are thrown when `malloc` has nothing left: one block of 71 KiB in every program that uses C++, as
/// Swift's runtime does.
///
/// `pool` in GCC 12 libstdc++-v3/libsupc++/eh_alloc.cc: a mutex, the first free entry, the block, its size. Distributions strip its symbol, but
/// the three words prove themselves.
enum ExceptionReserve {
  /// Its size depends on the version and on `GLIBCXX_TUNABLES`.
  private static let sizes: ClosedRange<UInt64> = 16 << 10...1 << 20

  /// Indices of such blocks. O(bytes of libstdc++'s data).
  static func blocks(_ heap: TypedHeap, image: ProcessImage) throws(MemoryError) -> [Int] {
    let window = MemoryWindow(image.memory)
    var found: [Int] = []
    for module in image.modules where module.name.hasPrefix("libstdc++") {
      for range in module.writableRanges where range.upperBound - range.lowerBound >= 24 {
        guard try window.load(range) else { continue }
        var address = (range.lowerBound + 7) & ~7
        while address + 24 <= range.upperBound {
          let (free, start, size) = (window.word(address), window.word(address + 8), window.word(address + 16))
          address += 8
          guard sizes.contains(size), start & 7 == 0, start > 0xffff else { continue }
          let block = heap.blocks.index(startingAt: start)
          guard block >= 0, heap.typeIndex(block) == TypedHeap.unknown, heap.blocks.size(block) >= size,
            heap.blocks.size(block) - size < 64, free == 0 || heap.blocks.index(containing: free) == block
          else { continue }
          found.append(block)
        }
      }
    }
    return found
  }
}
