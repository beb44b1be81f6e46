/// Stored properties of a class or struct that do not hold a plain reference: `weak` and `unowned` ones. Reading them as references would crash.
///
/// The runtime's field records say so in the mangled type of the field, which ends in Xw, Xo or Xu (ABI/Metadata.h and Mangling.rst,
/// Swift 5 to 6.3).
enum WeakFields {
  static func names(ofStruct type: Any.Type) -> Set<String> {
    let metadata = unsafeBitCast(type, to: UnsafeRawPointer.self)
    guard let descriptor = metadata.load(fromByteOffset: 8, as: UnsafeRawPointer?.self) else { return [] }
    return names(descriptor)
  }

  static func names(ofClass type: Any.Type) -> Set<String> {
    var names: Set<String> = []
    var current: UnsafeRawPointer? = unsafeBitCast(type, to: UnsafeRawPointer.self)
    // The superclass is the second word; classes of Swift have kind 0 where there is no Objective-C.
    while let metadata = current, metadata.load(as: UInt.self) == 0 {
      guard let descriptor = metadata.load(fromByteOffset: 40, as: UnsafeRawPointer?.self) else {
        break
      }
      names.formUnion(self.names(descriptor))
      current = metadata.load(fromByteOffset: 8, as: UnsafeRawPointer?.self)
    }
    return names
  }

  private static func names(_ descriptor: UnsafeRawPointer) -> Set<String> {
    Set(FieldRecords(descriptor: descriptor).filter(isWeak).map(\.name))
  }

  private static func isWeak(_ record: FieldRecords.Record) -> Bool {
    guard let type = record.mangledType else { return false }
    let last = MangledName.scan(type).last
    return last.0 == UInt8(ascii: "X") && [UInt8(ascii: "w"), UInt8(ascii: "o"), UInt8(ascii: "u")].contains(last.1)
  }
}
