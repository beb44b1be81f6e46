/// The refcount word of a heap object (second word), as stdlib/public/SwiftShims/swift/shims/RefCount.h of Swift 6.3 lays it
/// out on 64-bit machines: strong extra count in bits 33 to 62, deiniting bit 32, unowned count in bits 1 to 31, and bits 63
/// and 62 both set where the word is a side table's address shifted right by 3.
public enum ReferenceCount {
  /// Address of the object's side table, or nil where the counts are inline.
  public static func sideTableAddress(refcountWord: UInt64) -> UInt64? {
    guard refcountWord >> 62 == 3 else { return nil }
    let address = refcountWord << 3 & (TargetMemory.addressLimit - 1)
    return address >= 0x1000 ? address : nil
  }

  /// The object's `deinit` runs or is done; only unowned references keep its memory.
  public static func isDeiniting(refcountWord: UInt64) -> Bool {
    refcountWord >> 62 != 3 && !isImmortal(refcountWord: refcountWord) && refcountWord >> 32 & 1 != 0
  }

  /// Static objects, such as the empty array, and `async let` tasks: never counted, all low 32 bits set.
  public static func isImmortal(refcountWord: UInt64) -> Bool {
    refcountWord >> 62 != 3 && refcountWord & 0xffff_ffff == 0xffff_ffff
  }
}

/// The second word of a `String` value.
public enum StringObject {
  /// Address of the heap object that a string value keeps, or nil for small and immortal strings.
  ///
  /// Bit 63 is set for strings that keep nothing (literals and small ones), bit 61 for small ones; the low 60 bits are the
  /// storage's address (stdlib/public/core/StringObject.swift, Swift 5 to 6.3).
  public static func heapAddress(objectWord: UInt64) -> UInt64? {
    guard objectWord >> 61 & 5 == 0 else { return nil }
    let address = objectWord & (1 << 60 - 1)
    return address >= 0x1000 && address < TargetMemory.addressLimit ? address : nil
  }
}
