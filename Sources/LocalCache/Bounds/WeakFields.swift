/// Stored properties of a class that do not hold a plain reference: `weak` and `unowned` ones. Reading them as references would crash.
///
/// The runtime's field records say so in the mangled type of the field, which ends in Xw, Xo or Xu (ABI/Metadata.h and Mangling.rst,
/// Swift 5 to 6.3).
enum WeakFields {
  static func names(ofClass type: Any.Type) -> Set<String> {
    var names: Set<String> = []
    var current: UnsafeRawPointer? = unsafeBitCast(type, to: UnsafeRawPointer.self)
    // The superclass is the second word; classes of Swift have kind 0 where there is no Objective-C.
    while let metadata = current, metadata.load(as: UInt.self) == 0 {
      guard let descriptor = metadata.load(fromByteOffset: 40, as: UnsafeRawPointer?.self) else {
        break
      }
      names.formUnion(weakNames(descriptor))
      current = metadata.load(fromByteOffset: 8, as: UnsafeRawPointer?.self)
    }
    return names
  }

  private static func weakNames(_ descriptor: UnsafeRawPointer) -> [String] {
    guard let fields = relative(descriptor + 16) else { return [] }
    let recordSize = Int(fields.load(fromByteOffset: 10, as: UInt16.self))
    let count = Int(fields.load(fromByteOffset: 12, as: UInt32.self))
    guard recordSize >= 12, count < 10_000 else { return [] }
    return (0..<count).compactMap { index in
      let record = fields + 16 + index * recordSize
      guard let type = relative(record + 4), let name = relative(record + 8), isWeak(type) else {
        return nil
      }
      return String(cString: name.assumingMemoryBound(to: CChar.self))
    }
  }

  private static func relative(_ place: UnsafeRawPointer) -> UnsafeRawPointer? {
    let offset = place.load(as: Int32.self)
    return offset == 0 ? nil : place + Int(offset)
  }

  /// The last two characters; bytes 1...0x17 and 0x18...0x1F begin a reference of 4 and 8 bytes within the name.
  private static func isWeak(_ name: UnsafeRawPointer) -> Bool {
    var last: (UInt8, UInt8) = (0, 0)
    var place = name
    for _ in 0..<4096 {
      let byte = place.load(as: UInt8.self)
      if byte == 0 { break }
      last = (last.1, byte)
      place += byte < 0x18 ? 5 : byte < 0x20 ? 9 : 1
    }
    return last.0 == UInt8(ascii: "X")
      && (last.1 == UInt8(ascii: "w") || last.1 == UInt8(ascii: "o") || last.1 == UInt8(ascii: "u"))
  }
}
