/// A context descriptor: module, extension, anonymous context, protocol, class, struct or enum.
///
/// Layout: include/swift/ABI/Metadata.h, TargetContextDescriptor and its subclasses, Swift 5.9 to 6.3.
struct ContextDescriptor: Sendable {
  enum Kind: UInt32, Sendable {
    case module = 0
    case `extension` = 1
    case anonymous = 2
    case `protocol` = 3
    case opaque = 4
    case `class` = 16
    case structure = 17
    case enumeration = 18
  }

  var address: UInt64
  var kind: Kind
  /// Low half: kind, version and generic bit; high half: bits that depend on the kind.
  var flags: UInt32
  /// Empty for extensions and anonymous contexts.
  var name: String
  var parent: UInt64?

  var isGeneric: Bool { flags & 0x80 != 0 }
  var isNominal: Bool { kind.rawValue >= 16 }
  /// Class only: the superclass may come from a module with its own layout, so bounds are known at run time only.
  var hasResilientSuperclass: Bool { kind == .class && flags & (1 << 29) != 0 }
  var hasNegativeImmediateMembers: Bool { kind == .class && flags & (1 << 28) != 0 }
  var isActor: Bool { kind == .class && flags & (1 << 23) != 0 }

  init?(at address: UInt64, in memory: TargetMemory) {
    guard address & 3 == 0, let flags = memory.half(address), let kind = Kind(rawValue: flags & 0x1f) else {
      return nil
    }
    self.address = address
    self.kind = kind
    self.flags = flags
    self.parent = memory.relativeIndirectable(address &+ 4)
    switch kind {
    case .extension, .anonymous, .opaque: name = ""
    case .module, .protocol, .class, .structure, .enumeration:
      guard let text = memory.relative(address &+ 8).flatMap({ memory.name(at: $0) }) else { return nil }
      name = text
    }
    if kind != .module && parent == nil { return nil }
  }

  /// Bytes from the descriptor to its generic context header; nil where it has none.
  var genericHeaderOffset: UInt64? {
    guard isGeneric else { return nil }
    // Nominal types put two pointers of instantiation data before the parameter counts.
    return switch kind {
    case .class: 44 + 8
    case .structure, .enumeration: 28 + 8
    case .extension: 12
    case .anonymous: 8
    default: nil
    }
  }
}

/// Generic parameters that a context adds up with its outer contexts.
struct GenericSignature: Sendable {
  enum ParameterKind: UInt8, Sendable { case type, pack, value }
  struct Parameter: Sendable {
    var kind: ParameterKind
    /// Only key parameters have a word in the metadata; others are fixed by a same-type requirement.
    var isKey: Bool
  }
  var parameters: [Parameter]
  /// Words before the first argument: lengths of parameter packs.
  var shapeCount: Int
  /// For each pack parameter, which of those words is its length.
  var packShapes: [Int]

  init?(of descriptor: ContextDescriptor, in memory: TargetMemory) {
    guard let offset = descriptor.genericHeaderOffset else { return nil }
    let header = descriptor.address &+ offset
    guard let counts = memory.word(header) else { return nil }
    let parameterCount = Int(counts & 0xffff)
    let requirementCount = UInt64(counts >> 16 & 0xffff)
    let hasPacks = counts >> 48 & 1 != 0
    guard parameterCount <= 64, let bytes = memory.bytes(header &+ 8, count: parameterCount) else { return nil }
    parameters = bytes.map { .init(kind: ParameterKind(rawValue: $0 & 0x3f) ?? .type, isKey: $0 & 0x80 != 0) }
    shapeCount = 0
    packShapes = []
    if hasPacks {
      let end = header &+ 8 &+ UInt64((parameterCount + 3) & ~3) &+ 12 &* requirementCount
      guard let packCount: UInt16 = memory.load(at: end), let count: UInt16 = memory.load(at: end &+ 2), count <= 64,
        packCount <= 64
      else { return nil }
      shapeCount = Int(count)
      for index in 0..<UInt64(packCount) {
        // {kind, index, shape class, unused}; kind 0 is metadata, 1 a witness table.
        let entry = end &+ 4 &+ 8 &* index
        guard let kind: UInt16 = memory.load(at: entry), let shape: UInt16 = memory.load(at: entry &+ 4) else { break }
        if kind == 0 { packShapes.append(Int(shape)) }
      }
    }
  }
}
