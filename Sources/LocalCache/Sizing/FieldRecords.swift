/// The field records of a type: for a class or struct one for each stored property, for an enum one for each case, those with payloads first.
///
/// Layouts of Swift 5 to 6.3 (ABI/Metadata.h, TargetTypeContextDescriptor, and RemoteInspection/Records.h). Empty where a program was built without
/// reflection metadata.
struct FieldRecords: RandomAccessCollection {
  /// One property or case.
  struct Record {
    fileprivate let address: UnsafeRawPointer

    /// An `indirect` case: the payload lies in a box of its own.
    var isIndirectCase: Bool { address.load(as: UInt32.self) & 1 != 0 }
    /// A property that is `var`.
    var isVariable: Bool { address.load(as: UInt32.self) & 2 != 0 }
    /// The mangled name of the property's or payload's type; nil for a case without payload.
    var mangledType: UnsafeRawPointer? { FieldRecords.relative(address + 4) }
    var name: String {
      guard let name = FieldRecords.relative(address + 8) else { return "" }
      return String(cString: name.assumingMemoryBound(to: CChar.self))
    }
  }

  private let first: UnsafeRawPointer?
  private let recordSize: Int
  let endIndex: Int
  var startIndex: Int { 0 }

  /// - Parameter descriptor: the nominal type descriptor, as the type's metadata refers to it.
  init(descriptor: UnsafeRawPointer) {
    guard let fields = Self.relative(descriptor + 16) else {
      (first, recordSize, endIndex) = (nil, 0, 0)
      return
    }
    recordSize = Int(fields.load(fromByteOffset: 10, as: UInt16.self))
    let count = Int(fields.load(fromByteOffset: 12, as: UInt32.self))
    let makesSense = recordSize >= 12 && count < 10_000
    (first, endIndex) = makesSense ? (fields + 16, count) : (nil, 0)
  }

  subscript(index: Int) -> Record {
    guard let first, indices.contains(index) else { preconditionFailure("no such field record") }
    return Record(address: first + index * recordSize)
  }

  fileprivate static func relative(_ place: UnsafeRawPointer) -> UnsafeRawPointer? {
    let offset = place.load(as: Int32.self)
    return offset == 0 ? nil : place + Int(offset)
  }
}

/// A mangled name as metadata has it: bytes 1 to 0x17 begin a reference of 4 bytes, 0x18 to 0x1F one of 8 (docs/ABI/Mangling.rst).
enum MangledName {
  /// Its length without the 0 at the end, and its last two characters outside references.
  static func scan(_ name: UnsafeRawPointer) -> (length: Int, last: (UInt8, UInt8)) {
    var last: (UInt8, UInt8) = (0, 0)
    var length = 0
    while length < 4096 {
      let byte = name.load(fromByteOffset: length, as: UInt8.self)
      if byte == 0 { break }
      last = (last.1, byte)
      length += byte < 0x18 ? 5 : byte < 0x20 ? 9 : 1
    }
    return (length, last)
  }
}
