/// Addresses that a walk has come by. Most values have one block or a few: the first takes no memory.
///
/// Open addressing with linear probing; an eighth to a half of the slots is in use.
struct AddressSet: ~Copyable {
  private var first: UInt = 0
  private var slots: UnsafeMutableBufferPointer<UInt>?
  private(set) var count = 0

  deinit { slots?.deallocate() }

  /// Adds an address that is not 0. False if it was there. Constant time on average.
  mutating func insert(_ address: UInt) -> Bool {
    if count == 0 {
      first = address
      count = 1
      return true
    }
    guard address != first else { return false }
    let slots = roomForOneMore()
    guard Self.insert(address, slots) else { return false }
    count += 1
    return true
  }

  /// All addresses, in no order.
  func visit(_ body: (UInt) -> Void) {
    if count > 0 { body(first) }
    if let slots {
      for address in slots where address != 0 { body(address) }
    }
  }

  private static func insert(_ address: UInt, _ slots: UnsafeMutableBufferPointer<UInt>) -> Bool {
    let mask = slots.count - 1
    var index = Int(truncatingIfNeeded: AddressHash.of(address) >> 16) & mask
    while slots[index] != 0 {
      if slots[index] == address { return false }
      index = (index + 1) & mask
    }
    slots[index] = address
    return true
  }

  private mutating func roomForOneMore() -> UnsafeMutableBufferPointer<UInt> {
    if let slots, count * 2 <= slots.count { return slots }
    let larger = UnsafeMutableBufferPointer<UInt>.allocate(capacity: (slots?.count ?? 8) * 4)
    larger.initialize(repeating: 0)
    if let slots {
      for address in slots where address != 0 { _ = Self.insert(address, larger) }
      slots.deallocate()
    }
    slots = larger
    return larger
  }
}
