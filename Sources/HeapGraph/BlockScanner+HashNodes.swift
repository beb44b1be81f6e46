import ProcessImage
import SwiftMetadata

/// Trees of hashes.
extension BlockScanner {
  /// Children from the start of the room, items up to its end: what lies between them has been removed.
  mutating func scanHashNode(
    _ block: Int, _ address: UInt64, _ size: UInt64, _ plan: ScanPlan, into sink: inout some ReferenceSink
  ) throws(MemoryError) {
    guard try window.load(address..<address + min(size, HashNodeShape.start)), size >= HashNodeShape.start else {
      unreadableBlocks += 1
      return
    }
    guard let node = HashNodeShape(address: address, size: size, stride: UInt64(plan.stride), header: window) else {
      // Not the node that its metadata promised: believe everything rather than lose a reference.
      return try scanWords(block, address, from: 16, to: size, into: &sink)
    }
    let children = HashNodeShape.start..<HashNodeShape.start + node.children * HashNodeShape.childStride
    if !children.isEmpty {
      guard try window.load(address + children.lowerBound..<address + children.upperBound) else {
        unreadableBlocks += 1
        return
      }
      for offset in stride(from: children.lowerBound, to: children.upperBound, by: Int(HashNodeShape.childStride)) {
        report(block, offset, window.word(address + offset), .strong, &sink)
      }
    }
    try scanElements(block, address, ElementRow(plan, node.firstItem, node.items), into: &sink)
  }
}
