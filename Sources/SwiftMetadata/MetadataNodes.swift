/// Type metadata, one level deep, in the form that mangled strings have too.
extension MetadataDecoder {
  /// Most elements of a tuple, parameters of a function or protocols of an existential that are believed.
  private static let countLimit: UInt64 = 128

  func node(ofMetadata metadata: UInt64) -> TypeNode? {
    guard metadata & 7 == 0, let word = memory.word(metadata), let kind = MetadataKind(rawValue: word) else {
      return nil
    }
    switch kind {
    case .class:
      guard ClassMetadata(at: metadata, in: memory) != nil else { return nil }
      return nominalNode(metadata)
    case .structure, .enumeration, .optional, .foreignClass: return nominalNode(metadata)
    case .foreignReferenceType: return .unresolved("foreign reference")
    case .opaque: return .builtin(builtinName(metadata))
    case .tuple: return tupleNode(metadata)
    case .function: return functionNode(metadata)
    case .existential: return existentialNode(metadata)
    case .metatype, .existentialMetatype:
      return memory.word(metadata &+ 8).map { .metatype(.metadata($0), isThin: false) }
    case .extendedExistential: return .unresolved("any constrained existential")
    case .fixedArray:
      guard let count = memory.word(metadata &+ 8), let element = memory.word(metadata &+ 16) else { return nil }
      return .fixedArray(count: .integer(Int(truncatingIfNeeded: count)), element: .metadata(element))
    case .heapLocalVariable, .heapGenericLocalVariable, .error, .task, .job: return nil
    }
  }

  private func nominalNode(_ metadata: UInt64) -> TypeNode? {
    guard let descriptor = descriptor(ofMetadata: metadata), qualifiedName(descriptor) != nil else { return nil }
    let environment = environment(ofMetadata: metadata, descriptor)
    return .nominal(
      .descriptor(descriptor.address), arguments: environment.arguments.map { $0 ?? .unresolved("_") })
  }

  /// Builtin types' metadata is only known by its symbol.
  private func builtinName(_ metadata: UInt64) -> String {
    switch symbols.symbol(at: metadata)?.mangledName.split(separator: "$").last {
    case "sBbN"?, "sBbWV"?: "BridgeObject"
    case "sBoN"?, "sBoWV"?: "NativeObject"
    case "sBON"?, "sBOWV"?: "UnknownObject"
    case "sBpN"?, "sBpWV"?: "RawPointer"
    default: "Opaque"
    }
  }

  private func tupleNode(_ metadata: UInt64) -> TypeNode? {
    guard let count = memory.word(metadata &+ 8), count <= Self.countLimit else { return nil }
    var labels: [Substring] = []
    if let pointer = memory.word(metadata &+ 16), pointer != 0, let text = memory.name(at: pointer, limit: 2048) {
      labels = text.split(separator: " ", omittingEmptySubsequences: false)
    }
    var elements: [TypeNode.TupleElement] = []
    for index in 0..<count {
      guard let type = memory.word(metadata &+ 24 &+ 16 &* index) else { return nil }
      let label = Int(index) < labels.count && !labels[Int(index)].isEmpty ? String(labels[Int(index)]) : nil
      elements.append(.init(label: label, type: .metadata(type)))
    }
    return .tuple(elements)
  }

  /// Flags: parameter count in the low 16 bits, convention in the next 8, `throws` bit 24, `async` bit 29.
  private func functionNode(_ metadata: UInt64) -> TypeNode? {
    guard let flags = memory.word(metadata &+ 8), let result = memory.word(metadata &+ 16) else { return nil }
    let count = flags & 0xffff
    guard count <= Self.countLimit else { return nil }
    var form = TypeNode.FunctionForm()
    switch flags >> 16 & 0xff {
    case 1: form.representation = .block
    case 2: form.representation = .thin
    case 3: form.representation = .cFunction
    default: break
    }
    form.isThrowing = flags & 1 << 24 != 0
    form.isAsync = flags & 1 << 29 != 0
    var parameters: [TypeNode] = []
    for index in 0..<count {
      guard let type = memory.word(metadata &+ 24 &+ 8 &* index) else { return nil }
      parameters.append(.metadata(type))
    }
    return .function(form, parameters: parameters, result: .metadata(result))
  }

  /// Flags: witness tables in the low 24 bits, bit 30 a superclass, bit 31 clear for class-bound.
  private func existentialNode(_ metadata: UInt64) -> TypeNode? {
    guard let flags = memory.half(metadata &+ 8), let count = memory.half(metadata &+ 12),
      UInt64(count) <= Self.countLimit
    else { return nil }
    var position = metadata &+ 16
    var superclass: TypeNode?
    if flags & 1 << 30 != 0 {
      superclass = memory.word(position).map { .metadata($0) }
      position &+= 8
    }
    var protocols: [NominalReference] = []
    for index in 0..<UInt64(count) {
      guard let pointer = memory.word(position &+ 8 &* index) else { return nil }
      protocols.append(.descriptor(pointer & ~1))
    }
    return .existential(protocols: protocols, superclass: superclass, isClassBound: flags & 1 << 31 == 0)
  }

  // MARK: Fields

  /// Stored properties of a class or struct, or cases of an enum, in declaration order; nil where reflection metadata was
  /// left out of the program or does not fit.
  func fields(_ descriptor: ContextDescriptor) -> [FieldRecord]? {
    if let known = fieldRecords[descriptor.address] { return known }
    let records = readFields(descriptor)
    fieldRecords[descriptor.address] = .some(records)
    return records
  }

  private func readFields(_ descriptor: ContextDescriptor) -> [FieldRecord]? {
    guard descriptor.isNominal, let table = memory.relative(descriptor.address &+ 16),
      let recordSize: UInt16 = memory.load(at: table &+ 10), let count = memory.half(table &+ 12), recordSize == 12,
      count <= 4096
    else { return nil }
    var records: [FieldRecord] = []
    for index in 0..<UInt64(count) {
      let record = table &+ 16 &+ 12 &* index
      guard let flags = memory.half(record) else { return nil }
      let address = memory.relative(record &+ 4)
      let type = address.flatMap { noncopyableType(at: $0) ?? MangledText(at: $0, in: memory).flatMap { parse($0) } }
      let name = memory.relative(record &+ 8).flatMap { memory.name(at: $0) } ?? ""
      records.append(
        FieldRecord(
          name: Self.writtenName(name), isIndirect: flags & 1 != 0,
          hasType: memory.half(record &+ 4).map { $0 != 0 } ?? false, type: type))
    }
    return records
  }

  /// A `lazy var` is stored under a name that the compiler makes: its own is behind that.
  private static func writtenName(_ name: String) -> String {
    let lazy = "$__lazy_storage_$_"
    return name.hasPrefix(lazy) ? String(name.dropFirst(lazy.count)) : name
  }
}

/// One stored property or enum case (include/swift/RemoteInspection/Records.h).
struct FieldRecord: Sendable {
  var name: String
  /// An enum case whose payload lies in a box.
  var isIndirect: Bool
  /// False for an enum case without payload.
  var hasType: Bool
  /// nil where the type string has something that is not understood.
  var type: TypeNode?
}
