@_spi(Reflection) import Swift

/// Memory behind raw pointers that well-known classes own: a walk along types sees a pointer, but not what it stands for.
///
/// A further class is a further row. Types of one's own conform to `MemorySized` instead, and so can those of others, by an extension. The classes are storage of
/// values: they do not change while a copy of the value is held.
struct OwnedMemory {
  private struct Owner {
    /// The class, as the runtime names it.
    let name: String
    /// The property with the address, and the one with the number of bytes.
    let pointer: String
    let capacity: String
    /// A property that is nil as long as the memory is malloc's; without one that is not known.
    let deallocator: String?
  }

  private static let owners = [
    // swift-foundation, Sources/FoundationEssentials/Data/Data.swift, 6.0 to 6.3.
    Owner(
      name: "FoundationEssentials.__DataStorage", pointer: "_bytes", capacity: "_capacity", deallocator: "_deallocator"),
    // swift-nio, Sources/NIOCore/ByteBuffer-core.swift, 2.0 to 2.101.
    Owner(name: "NIOCore.ByteBuffer._Storage", pointer: "bytes", capacity: "capacity", deallocator: nil),
  ]

  private let pointer: Int
  private let capacity: Int
  private let capacityBits: Int
  private let deallocator: Int?

  /// Nil for other classes.
  init?(ofClass type: Any.Type) {
    let name = _typeName(type, qualified: true)
    guard let owner = Self.owners.first(where: { $0.name == name }) else { return nil }
    var fields: [String: (offset: Int, type: Any.Type)] = [:]
    _forEachField(of: type, options: PlanBuilder.ofClass) { name, offset, type, _ in
      fields[String(cString: name)] = (offset, type)
      return true
    }
    guard let pointer = fields[owner.pointer], Self.isPointer(pointer.type), let capacity = fields[owner.capacity],
      let bits = (capacity.type as? any FixedWidthInteger.Type)?.bitWidth, bits == 32 || bits == 64
    else { return nil }
    self.pointer = pointer.offset
    self.capacity = capacity.offset
    capacityBits = bits
    deallocator = owner.deallocator.flatMap { fields[$0]?.offset }
  }

  private static func isPointer(_ type: Any.Type) -> Bool {
    type == UnsafeMutableRawPointer.self || type == UnsafeMutableRawPointer?.self
  }

  /// Counts what an object owns.
  func walk(_ object: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    guard let memory = object.load(fromByteOffset: pointer, as: UnsafeRawPointer?.self) else { return }
    // The first word of a closure is its function.
    if let deallocator, object.load(fromByteOffset: deallocator, as: UInt.self) == 0 {
      _ = walk.enter(UInt(bitPattern: memory), size: HeapWalkState.blockSize(ofMemory: memory))
    } else {
      let bytes =
        capacityBits == 32
        ? Int(object.load(fromByteOffset: capacity, as: UInt32.self))
        : object.load(fromByteOffset: capacity, as: Int.self)
      _ = walk.enter(UInt(bitPattern: memory), size: HeapWalkState.blockSize(ofBytes: bytes), isMallocs: false)
    }
  }
}
