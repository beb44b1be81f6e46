/// First word of type and heap metadata (include/swift/ABI/MetadataKind.def, Swift 5.9 to 6.3, no Objective-C).
enum MetadataKind: UInt64, Sendable {
  case `class` = 0
  case structure = 0x200
  case enumeration = 0x201
  case optional = 0x202
  case foreignClass = 0x203
  case foreignReferenceType = 0x204
  case opaque = 0x300
  case tuple = 0x301
  case function = 0x302
  case existential = 0x303
  case metatype = 0x304
  case existentialMetatype = 0x306
  case extendedExistential = 0x307
  case fixedArray = 0x308
  case heapLocalVariable = 0x400
  case heapGenericLocalVariable = 0x500
  case error = 0x501
  case task = 0x502
  case job = 0x503
}

/// What the value witness table in front of a type's metadata says (include/swift/ABI/ValueWitness.def, Swift 6.3).
struct ValueWitnesses: Sendable {
  var size: Int
  var stride: Int
  var alignment: Int
  var isPlainOldData: Bool
  var extraInhabitants: Int

  /// Sizes past this are no values that anyone stores.
  static let sizeLimit: UInt64 = 1 << 24

  init?(of metadata: UInt64, in memory: TargetMemory) {
    guard let table = memory.word(metadata &- 8), table & 7 == 0, let size = memory.word(table &+ 64),
      let stride = memory.word(table &+ 72), let flags = memory.half(table &+ 80),
      let extraInhabitants = memory.half(table &+ 84), size <= Self.sizeLimit, stride <= Self.sizeLimit, stride >= size,
      stride > 0
    else { return nil }
    let alignment = Int(flags & 0xff) + 1
    guard alignment.nonzeroBitCount == 1, Int(stride) % alignment == 0 else { return nil }
    self.size = Int(size)
    self.stride = Int(stride)
    self.alignment = alignment
    self.isPlainOldData = flags & 0x10000 == 0
    self.extraInhabitants = Int(extraInhabitants & 0x7fff_ffff)
  }
}

/// The fixed part of class metadata.
struct ClassMetadata: Sendable {
  var address: UInt64
  var superclass: UInt64
  /// Bytes of an instance, header included.
  var instanceSize: Int
  var alignmentMask: Int
  var descriptor: UInt64

  init?(at address: UInt64, in memory: TargetMemory) {
    guard address & 7 == 0, memory.word(address) == 0, let superclass = memory.word(address &+ 8),
      let instanceSize = memory.half(address &+ 24), let alignmentMask: UInt16 = memory.load(at: address &+ 28),
      let descriptor = memory.word(address &+ 40), instanceSize >= 16, instanceSize <= ValueWitnesses.sizeLimit,
      [7, 15, 31, 63].contains(alignmentMask), superclass & 7 == 0
    else { return nil }
    self.address = address
    self.superclass = superclass
    self.instanceSize = Int(instanceSize)
    self.alignmentMask = Int(alignmentMask)
    self.descriptor = descriptor
  }
}
