import ProcessImage
import SwiftMetadata

/// What is at the places of arrays: which are empty, and what the ends refer to.
///
/// A ring buffer such as SwiftNIO's `CircularBuffer` is an array of optionals of which only some are in use (swift-nio 2,
/// Sources/NIOCore/CircularBuffer.swift: `_buffer: ContiguousArray<Element?>`).
struct ArrayPlaces {
  let heap: TypedHeap
  let window: MemoryWindow
  /// Where they begin in a block, in bytes.
  let elements: Int
  let element: ValueLayout

  /// Places looked at where there are more, in one array and in all.
  private static let mostPlaces: UInt64 = 1 << 20

  /// O(places, at most 2^20) for optionals, else O(1).
  func add(_ blocks: [UInt32], to summary: inout ContainerSummary) throws(MemoryError) {
    if blocks.count == 1 { summary.ends = try ends(Int(blocks[0])) }
    guard isOptionalOfReferences else { return }
    var (looked, empty) = (UInt64(0), UInt64(0))
    for block in blocks {
      guard looked < Self.mostPlaces else { break }
      let (places, free) = try emptyPlaces(Int(block), most: Self.mostPlaces - looked)
      looked += places
      empty += free
    }
    guard looked > 0, empty > 0 else { return }
    // Of very many a part was looked at, and the rest is taken to be like it.
    let all = looked >= summary.entries ? empty : UInt64(Double(empty) / Double(looked) * Double(summary.entries))
    let places = min(all, summary.entries)
    summary.entries -= places
    summary.emptyBytes = min(summary.emptyBytes &+ places &* UInt64(max(element.stride, 0)), summary.inlineBytes)
  }

  /// No value of a type with a strong reference is all zeros, its nil is.
  private var isOptionalOfReferences: Bool {
    let name = element.typeName
    return (name.hasSuffix("?") || name.hasPrefix("Optional<")) && element.stride >= 8 && element.stride % 8 == 0
      && element.stride <= 4096 && element.slots.contains { $0.strength == .strong }
  }

  private func count(_ block: Int) throws(MemoryError) -> UInt64 {
    let address = heap.blocks.address(block)
    let size = heap.blocks.size(block)
    guard size >= ContainerRoom.header, try window.load(address..<address + ContainerRoom.header) else { return 0 }
    return ContainerRoom(array: address, elements: elements, element: element, size: size, header: window).entries
  }

  private func emptyPlaces(_ block: Int, most: UInt64) throws(MemoryError) -> (places: UInt64, empty: UInt64) {
    let count = min(try count(block), most)
    let stride = UInt64(element.stride)
    var address = heap.blocks.address(block) + UInt64(elements)
    var (looked, empty) = (UInt64(0), UInt64(0))
    while looked < count {
      guard try window.load(address..<address + stride) else { break }
      var isEmpty = true
      for offset in Swift.stride(from: UInt64(0), to: stride, by: 8) where window.word(address + offset) != 0 {
        isEmpty = false
        break
      }
      if isEmpty { empty += 1 }
      looked += 1
      address += stride
    }
    return (looked, empty)
  }

  /// By the first reference in an element, a closure's context for one: what is next to it may be changed where it is.
  private func ends(_ block: Int) throws(MemoryError) -> ContainerSummary.Ends? {
    guard !element.typeName.hasPrefix("["), element.stride > 0,
      let slot = element.slots.first(where: { $0.strength == .strong && $0.choice == nil }), slot.offset >= 0,
      slot.offset + 8 <= element.stride
    else { return nil }
    let count = try count(block)
    guard count >= 2 else { return nil }
    let start = heap.blocks.address(block) + UInt64(elements) + UInt64(slot.offset)
    return try ends(start, start + (count - 1) * UInt64(element.stride))
  }

  /// The same of a ring buffer, by a reference in its elements: what is taken from its begin and put to its end is not changed in between.
  func ringEnds(_ block: Int) throws(MemoryError) -> ContainerSummary.Ends? {
    guard let slot = element.slots.first(where: { $0.strength == .strong && $0.choice == nil }) else { return nil }
    let address = heap.blocks.address(block)
    let size = heap.blocks.size(block)
    guard size >= ContainerRoom.header, element.stride > 0, try window.load(address..<address + ContainerRoom.header),
      let room = ContainerRoom(
        .ring(elements: elements, element: element), address: address, size: size, header: window)
    else { return nil }
    let (capacity, count, first) = (window.word(address + 16), window.word(address + 24), window.word(address + 32))
    guard count >= 2, count <= capacity, first < capacity, capacity <= room.slots else { return nil }
    let start = address + UInt64(elements) + UInt64(max(slot.offset, 0))
    let last = (first + count - 1) % capacity
    guard start + 8 <= address + size else { return nil }
    return try ends(start + first * UInt64(element.stride), start + last * UInt64(element.stride))
  }

  private func ends(_ first: UInt64, _ last: UInt64) throws(MemoryError) -> ContainerSummary.Ends? {
    guard try window.load(first..<first + 8) else { return nil }
    let firstWord = window.word(first)
    guard try window.load(last..<last + 8) else { return nil }
    let lastWord = window.word(last)
    return firstWord == 0 || lastWord == 0
      ? nil : ContainerSummary.Ends(first: Self.number(firstWord), last: Self.number(lastWord))
  }

  /// No address leaves the process: a mixing of its bits that does not lead back at a glance (SplitMix64's finaliser).
  private static func number(_ word: UInt64) -> UInt64 {
    var mixed = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
