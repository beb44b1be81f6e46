/// Memory of a frozen copy: present pages through the copy's `/proc/PID/mem`, never touched private pages as zeros.
final class FrozenMemory: MemoryReader {
  private let memory: CopyReader
  private let mappings: [Mapping]
  private let present: PresentPages

  /// - Parameter owner: kept alive as long as somebody may read it.
  init(memory: LiveMemory, mappings: [Mapping], present: PresentPages, owner: FrozenCopy) {
    self.memory = CopyReader(memory: memory, mappings: mappings, copy: owner)
    self.mappings = mappings
    self.present = present
  }

  func read(_ address: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
    try SparseRead.read(
      address, into: buffer, mappings: mappings, present: present, isCovered: { _ in true }, from: memory)
  }

  func skippingUntouched(_ address: UInt64, to end: UInt64) -> UInt64 {
    SparseRead.skippingUntouched(address, to: end, mappings: mappings, present: present) { _ in true }
  }
}

/// Tells memory that cannot be read from a copy that is being taken apart: its pages go first, and for a moment it is still there.
private struct CopyReader: MemoryReader {
  let memory: LiveMemory
  let mappings: [Mapping]
  let copy: FrozenCopy

  /// How long the end of a copy is waited for that has lost a page which nothing else takes away. In nanoseconds.
  private static let endLimit: UInt64 = 50_000_000

  func read(_ address: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
    do { try memory.read(address, into: buffer) } catch {
      guard case .unreadable = error else { throw error }
      let isOwn = mappings.indexContaining(address).map { mappings[$0].isAnonymous } ?? false
      if Clocks.poll(for: isOwn ? Self.endLimit : 0, until: { copy.outcome != .none }) { throw .targetGone }
      throw error
    }
  }
}

/// Reads that cross mappings and that must not touch pages which were never there.
enum SparseRead {
  /// - Parameter isCovered: the mappings whose pages `present` lists.
  /// - Parameter memory: for everything but absent pages of private anonymous mappings.
  static func read(
    _ address: UInt64, into buffer: UnsafeMutableRawBufferPointer, mappings: [Mapping], present: PresentPages,
    isCovered: (Mapping) -> Bool, from memory: some MemoryReader
  ) throws(MemoryError) {
    guard buffer.count > 0 else { return }
    let (end, overflow) = address.addingReportingOverflow(UInt64(buffer.count))
    guard !overflow, var index = mappings.indexContaining(address) else {
      throw .unreadable(address: address, count: buffer.count)
    }
    var position = address
    while position < end {
      guard index < mappings.count, mappings[index].contains(position), mappings[index].permissions.contains(.read)
      else {
        throw .unreadable(address: address, count: buffer.count)
      }
      let stop = min(end, mappings[index].end)
      let part = buffer.slice(from: position - address, to: stop - address)
      if mappings[index].isAnonymous && isCovered(mappings[index]) {
        try readAnonymous(position, into: part, present: present, from: memory)
      } else {
        try memory.read(position, into: part)
      }
      position = stop
      index += 1
    }
  }

  /// See `MemoryReader.skippingUntouched`. O(log pages) for each mapping between the two.
  static func skippingUntouched(
    _ address: UInt64, to end: UInt64, mappings: [Mapping], present: PresentPages, isCovered: (Mapping) -> Bool
  ) -> UInt64 {
    guard address < end, var index = mappings.indexContaining(address) else { return min(address, end) }
    var position = address
    while position < end, index < mappings.count, mappings[index].contains(position), mappings[index].isAnonymous,
      isCovered(mappings[index])
    {
      let stop = min(end, mappings[index].end)
      let next = present.ranges.firstIndex(endingAfter: position)
      if next < present.ranges.count, present.ranges[next].lowerBound < stop {
        return max(position, present.ranges[next].lowerBound)
      }
      position = stop
      index += 1
    }
    return position
  }

  private static func readAnonymous(
    _ address: UInt64, into buffer: UnsafeMutableRawBufferPointer, present: PresentPages, from memory: some MemoryReader
  ) throws(MemoryError) {
    let end = address &+ UInt64(buffer.count)
    var position = address
    var index = present.ranges.firstIndex(endingAfter: address)
    while position < end {
      guard index < present.ranges.count, present.ranges[index].lowerBound < end else {
        zero(buffer.slice(from: position - address, to: end - address))
        return
      }
      let range = present.ranges[index]
      if range.lowerBound > position {
        zero(buffer.slice(from: position - address, to: range.lowerBound - address))
        position = range.lowerBound
      }
      let stop = min(end, range.upperBound)
      try memory.read(position, into: buffer.slice(from: position - address, to: stop - address))
      position = stop
      index += 1
    }
  }

  private static func zero(_ buffer: UnsafeMutableRawBufferPointer) {
    buffer.initializeMemory(as: UInt8.self, repeating: 0)
  }
}

extension UnsafeMutableRawBufferPointer {
  /// The bytes from one offset to another.
  func slice(from start: UInt64, to end: UInt64) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: self[Int(start)..<Int(end)])
  }
}
