import ProcessImage
import SwiftMetadata

/// How full one storage is. What its header claims is bounded by its block: memory may be torn.
struct ContainerRoom {
  /// Bytes at the start of every storage in which its numbers lie.
  static let header: UInt64 = 40
  let entries: UInt64
  let slots: UInt64
  /// Of slots without an entry.
  let emptyBytes: UInt64
  /// Other storages of the same container that hang on this one.
  var parts: UInt64 = 0

  /// - Parameters:
  ///   - size: of the block, at least `ContainerRoom.header`.
  ///   - header: has loaded that many bytes of it.
  init?(_ layout: ObjectLayout, address: UInt64, size: UInt64, header: MemoryWindow) {
    switch layout {
    case .array(let elements, let element):
      self.init(array: address, elements: elements, element: element, size: size, header: header)
    case .ring(let elements, let element):
      self.init(count: header.word(address + 24), stride: element.stride, after: elements, size: size)
    case .hashTable(_, let key, let value):
      let scale = header.word(address + 32) & 0xff
      guard scale < 40 else { return nil }
      let buckets = UInt64(1) << scale
      let entries = min(header.word(address + 16), buckets)
      let stride = UInt64(key.stride + (value?.stride ?? 0))
      let empty = min((buckets - entries).multipliedReportingOverflow(by: stride).partialValue, size)
      self.init(entries: entries, slots: buckets, emptyBytes: empty)
    case .hashNode(let key, let value):
      let stride = UInt64(HashNodeShape.Item(key: key, value: value).stride)
      guard let node = HashNodeShape(address: address, size: size, stride: stride, header: header) else { return nil }
      // Room is for an item or a child, whichever comes: no entry waits for it.
      self.init(entries: node.items, slots: node.items, emptyBytes: 0)
      parts = node.children
    case .string:
      // Capacity at 16, count and flags at 24; a zero byte ends the text.
      let length = min(header.word(address + 24) & 0xffff_ffff_ffff, size - 32)
      self.init(entries: length, slots: size - 33, emptyBytes: size - 32 - length)
    case .conservative, .none, .fixed, .taskSlab, .task, .sideTable: return nil
    }
  }

  /// - Parameter elements: where they begin in the block, in bytes.
  init(array address: UInt64, elements: Int, element: ValueLayout, size: UInt64, header: MemoryWindow) {
    self.init(count: header.word(address + 16), stride: element.stride, after: elements, size: size)
  }

  private init(entries: UInt64, slots: UInt64, emptyBytes: UInt64) {
    self.entries = entries
    self.slots = slots
    self.emptyBytes = emptyBytes
  }

  /// Elements one behind the other, from `elements` on.
  private init(count: UInt64, stride: Int, after elements: Int, size: UInt64) {
    let fits = size > UInt64(elements) ? (size - UInt64(elements)) / UInt64(max(1, stride)) : 0
    let entries = min(count, fits)
    self.init(entries: entries, slots: fits, emptyBytes: (fits - entries) * UInt64(stride))
  }
}
