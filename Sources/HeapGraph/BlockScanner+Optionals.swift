import SwiftMetadata

/// Words of optionals.
extension BlockScanner {
  /// The optional that the slot is a part of is not nil: its word is no rest of what was there before.
  @inline(__always)
  func isLive(_ slot: ScanPlan.Slot, in start: UInt64, _ size: UInt64) -> Bool {
    if slot.firstLiveWord == ScanPlan.Slot.always { return true }
    return isAddress(slot.firstLiveWord, in: start, size) && isAddress(slot.secondLiveWord, in: start, size)
  }

  private func isAddress(_ offset: UInt32, in start: UInt64, _ size: UInt64) -> Bool {
    UInt64(offset) + 8 > size || window.word(start + UInt64(offset)) >= ReferenceSlot.leastAddress
  }
}
