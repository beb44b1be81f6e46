/// What a type says of its values: the table that the word before its metadata refers to (ABI/ValueWitness.def and ABI/MetadataValues.h,
/// ValueWitnessFlags, Swift 5 to 6.3).
struct ValueWitnesses {
  typealias GetTag = @convention(c) (UnsafeRawPointer, UnsafeRawPointer) -> UInt32
  typealias Project = @convention(c) (UnsafeMutableRawPointer, UnsafeRawPointer) -> Void

  private let table: UnsafeRawPointer

  init(_ type: Any.Type) {
    table = (unsafeBitCast(type, to: UnsafeRawPointer.self) - 8).load(as: UnsafeRawPointer.self)
  }

  private var flags: UInt32 { table.load(fromByteOffset: 80, as: UInt32.self) }

  var size: Int { table.load(fromByteOffset: 64, as: Int.self) }
  var alignment: Int { Int(flags & 0xFF) + 1 }
  /// Whether an existential has the value in a box.
  var isBoxedInExistentials: Bool { flags & 0x2_0000 != 0 }

  /// Which case a value has, those with payloads first. Of enums only.
  var tag: GetTag { unsafeBitCast(table.load(fromByteOffset: 88, as: UnsafeRawPointer.self), to: GetTag.self) }
  /// Leaves the bits of the payload where the value was. Of enums only.
  var project: Project { unsafeBitCast(table.load(fromByteOffset: 96, as: UnsafeRawPointer.self), to: Project.self) }

  /// Where a value lies behind a header of so many bytes.
  func place(behind header: Int) -> Int { (header + alignment - 1) / alignment * alignment }
}
