import Malloc
import ProcessImage
import SwiftMetadata

extension BlockScanner {
  /// Elements by which look-ups are prepared.
  private static let lookAhead: UInt64 = 8

  /// A row's elements; only those whose bit is set in `occupied`, if given.
  mutating func scanElements(
    _ block: Int, _ address: UInt64, _ row: ElementRow, occupied: [UInt64]? = nil, into sink: inout some ReferenceSink
  ) throws(MemoryError) {
    let (base, count, stride, slots) = (row.base, row.count, row.stride, row.slots)
    guard !slots.isEmpty, stride > 0, stride <= UInt64(MemoryWindow.capacity) else { return }
    let blocks = heap.blocks
    let end = base + count * stride
    let perPiece = UInt64(MemoryWindow.capacity) / stride
    var element: UInt64 = 0
    while element < count {
      let pieceEnd = min(count, element + perPiece)
      let pieceStart = address + base + element * stride
      guard try window.load(pieceStart..<address + base + pieceEnd * stride) else {
        unreadableBlocks += 1
        element = pieceEnd
        continue
      }
      while element < pieceEnd {
        if let occupied {
          let bits = occupied[Int(element >> 6)] >> (element & 63)
          if bits & 1 == 0 {
            // Jump over empty buckets, a bitmap word at a time.
            element += bits == 0 ? 64 - (element & 63) : UInt64(bits.trailingZeroBitCount)
            continue
          }
        }
        let start = base + element * stride
        for index in 0..<Int(slots.count) {
          let slot = plans.slots[Int(slots.start) + index]
          let offset = start + UInt64(slot.offset)
          let later = address + offset + Self.lookAhead * stride
          if later + 8 <= address + base + pieceEnd * stride {
            blocks.prefetch(containing: window.word(later) & ReferenceResolver.addressMask)
          }
          if offset + 8 <= end, isLive(slot, in: address + start, stride) {
            report(block, offset, window.word(address + offset), slot.strength, &sink)
          }
        }
        element += 1
      }
    }
  }
}
