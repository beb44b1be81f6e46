/// The storage of a string, and what is made for it when somebody counts in UTF-16 code units, as most of Foundation does: the place of each 64th, which
/// stays with the string.
enum StringStorage {
  /// Counts the storage of the string at an address.
  ///
  /// Bit 63 of the second word: keeps nothing; bit 61: small (stdlib/public/core/StringObject.swift, Swift 5 to 6.3).
  static func walk(_ pointer: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    let word = pointer.load(fromByteOffset: 8, as: UInt64.self)
    guard word >> 61 & 5 == 0,
      let storage = UnsafeRawPointer(bitPattern: UInt(word & 0x0FFF_FFFF_FFFF_FFFF)), walk.enter(object: storage)
    else { return }
    if isTailAllocated(pointer) { walkBreadcrumbs(storage, &walk) }
  }

  /// Whether the text lies in the storage itself: bits 61 and 60 of the first word.
  private static func isTailAllocated(_ pointer: UnsafeRawPointer) -> Bool {
    pointer.load(as: UInt64.self) >> 60 & 3 == 3
  }

  /// Bit 63 of the third word says that there is room for the reference, behind as many bytes as the lower 48 say (stdlib/public/core/StringStorage.swift and
  /// StringBreadcrumbs.swift, Swift 6.0 to 6.3). Another thread may be making them: then they are there or not, complete in either case.
  private static func walkBreadcrumbs(_ storage: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    #if !canImport(ObjectiveC)
      let capacity = storage.load(fromByteOffset: 16, as: UInt64.self)
      guard capacity >> 63 == 1 else { return }
      let place = (32 + Int(capacity & 0xFFFF_FFFF_FFFF) + 7) & ~7
      guard let breadcrumbs = storage.load(fromByteOffset: place, as: UnsafeRawPointer?.self),
        walk.enter(object: breadcrumbs)
      else { return }
      // An array of places behind the length.
      guard let places = breadcrumbs.load(fromByteOffset: 24, as: UnsafeRawPointer?.self) else { return }
      _ = walk.enter(object: places)
    #endif
  }
}
