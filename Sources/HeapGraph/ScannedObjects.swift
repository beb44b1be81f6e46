import Malloc
import ProcessImage
import SwiftMetadata

/// Sizes of objects in memory whose allocator is not known: from their metadata, and from their contents where they differ by object.
struct ScannedObjects {
  let decoder: SharedDecoder
  let memory: any MemoryReader

  /// Bytes of a task object with its future fragment and first frame, as the runtime of Swift 6 allocates it.
  private static let taskSize: UInt64 = 312

  /// Size in bytes of the object at `address`, or nil where `head` is no metadata or it does not fit into `available` bytes.
  func size(head: UInt64, address: UInt64, available: UInt64) -> UInt64? {
    if let size = decoder.instanceSize(head: head) { return size <= available ? size : nil }
    guard let type = decoder.objectType(head: head, address: address, size: available) else { return nil }
    let size: UInt64?
    switch type.layout {
    case .fixed(let fixed, _): size = UInt64(clamping: fixed)
    case .array(let elements, let element): size = array(at: address, elements: elements, stride: element.stride)
    case .ring(let elements, let element):
      size = word(address &+ 16).flatMap { end(UInt64(clamping: elements), count: $0, stride: element.stride) }
    case .hashTable(_, let key, let value): size = table(at: address, key: key, value: value)
    case .hashNode: size = word(address &+ 24).map { HashNodeShape.start + ($0 & 0xffff_ffff) }
    // Capacity without flags in the low 48 bits, code units from 32 on (__StringStorage).
    case .string: size = word(address &+ 16).map { 32 + ($0 & 0xffff_ffff_ffff) }
    case .taskSlab: size = word(address &+ 16).map { 32 + ($0 & 0xffff_ffff) }
    case .task: size = min(Self.taskSize, available)
    case .conservative, .none, .sideTable: size = nil
    }
    guard let size, size >= 16, size <= available else { return nil }
    return size
  }

  private func word(_ address: UInt64) -> UInt64? { try? memory.load(UInt64.self, at: address) }

  private func array(at address: UInt64, elements: Int, stride: Int) -> UInt64? {
    guard let count = word(address &+ 16) else { return nil }
    return end(UInt64(clamping: elements), count: count, stride: stride)
  }

  /// `1 << scale` buckets, keys and values where words 48 and 56 say.
  private func table(at address: UInt64, key: ValueLayout, value: ValueLayout?) -> UInt64? {
    guard let scale = word(address &+ 32).map({ $0 & 0xff }), scale < 40, let keys = word(address &+ 48) else {
      return nil
    }
    var size = end(keys &- address, count: 1 << scale, stride: key.stride)
    if let value, let values = word(address &+ 56) {
      guard let rest = end(values &- address, count: 1 << scale, stride: value.stride), let keysEnd = size else {
        return nil
      }
      size = max(keysEnd, rest)
    }
    return size
  }

  private func end(_ start: UInt64, count: UInt64, stride: Int) -> UInt64? {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: UInt64(clamping: stride))
    let (size, overflowed) = bytes.addingReportingOverflow(start)
    return overflow || overflowed ? nil : size
  }
}
