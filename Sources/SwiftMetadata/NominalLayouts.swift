/// Layouts of structs, enums and class references.
extension MetadataDecoder {
  /// A nominal type with its arguments, none of which depends on an outer context.
  func nominalLayout(_ reference: NominalReference, _ arguments: [TypeNode], depth: Int) -> Layout? {
    guard spend(depth: depth) else { return nil }
    let qualified = qualifiedName(reference)
    if let standard = qualified?.standardName,
      let layout = standardLayout(standard, reference, arguments, depth: depth + 1)
    {
      return layout
    }
    if let qualified, qualified.module == "Synchronization", qualified.path.map(\.name) == ["Mutex"],
      arguments.count == 1
    {
      // A futex and the value (swiftlang/swift 6.3 stdlib/public/Synchronization/Mutex/LinuxImpl.swift). A static program may have left their
      // descriptors out, and nobody who wrote `cache.state` knows a field `value` of the lock.
      guard let value = layout(of: arguments[0], depth: depth + 1) else { return nil }
      return .aggregate([("", .data(size: 4, alignment: 4)), ("", value)])
    }
    if case .named(let kind, _, _) = reference {
      guard kind == .class else { return namedLayout(reference, arguments, depth: depth + 1) }
      return .word(.strong, name(of: .nominal(reference, arguments: arguments)) ?? "")
    }
    guard case .descriptor(let address) = reference, let descriptor = descriptor(at: address) else { return nil }
    switch descriptor.kind {
    case .class: return .word(.strong, name(of: .nominal(reference, arguments: arguments)) ?? descriptor.name)
    case .structure, .enumeration: break
    default: return nil
    }
    if !descriptor.isGeneric, let metadata = metadata(of: descriptor) {
      return layout(ofMetadata: metadata, depth: depth + 1)
    }
    if qualified?.module == "__C" { return nil }
    let environment = GenericEnvironment(levels: parameterLevels(descriptor), arguments: arguments)
    return descriptor.kind == .structure
      ? computedStructure(descriptor, environment, depth: depth + 1)
      : computedEnumeration(descriptor, environment, depth: depth + 1)
  }

  /// A type that a string spells in full, without a reference to its descriptor: found by its descriptor's symbol.
  private func namedLayout(_ reference: NominalReference, _ arguments: [TypeNode], depth: Int) -> Layout? {
    guard case .named(let kind, let module, let path) = reference,
      let address = spelledDescriptor(kind, module, path)
    else { return nil }
    return nominalLayout(.descriptor(address), arguments, depth: depth + 1)
  }

  static func descriptorSymbol(_ kind: NominalKind, _ module: String, _ path: [String]) -> String? {
    guard path.count == 1, module == "Swift" else { return nil }
    let letter =
      switch kind {
      case .structure: "V"
      case .enumeration: "O"
      case .class: "C"
      case .protocol, .alias, .other: ""
      }
    return letter.isEmpty ? nil : "$ss\(path[0].utf8.count)\(path[0])\(letter)Mn"
  }

  /// Standard library types whose insides a developer does not want to see, or that have no fields to compute from.
  private func standardLayout(
    _ standard: String, _ reference: NominalReference, _ arguments: [TypeNode], depth: Int
  ) -> Layout? {
    func text() -> String { name(of: .nominal(reference, arguments: arguments)) ?? standard }
    switch standard {
    case "String", "Character":
      return Layout(
        size: 16, alignment: 8, extraInhabitants: Layout.pointerInhabitants,
        slots: [.init(offset: 8, strength: .strong, typeName: "String")], present: [8])
    case "Array", "ContiguousArray", "Dictionary", "Set", "Task", "CheckedContinuation", "AsyncStream",
      "AsyncThrowingStream":
      return .word(.strong, text())
    case "Substring":
      // Two indices, then the string.
      return Layout(
        size: 32, alignment: 8, extraInhabitants: Layout.pointerInhabitants,
        slots: [.init(offset: 24, strength: .strong, typeName: "Substring")], present: [24])
    case "Range", "ClosedRange":
      guard arguments.count == 1, let bound = layout(of: arguments[0], depth: depth + 1) else { return nil }
      return .aggregate([("lowerBound", bound), ("upperBound", bound)])
    case "ObjectIdentifier": return .data(size: 8, alignment: 8, extraInhabitants: 1)
    case "TaskPriority": return .data(size: 1, alignment: 1)
    case "Int", "UInt", "Int64", "UInt64": return .word(.number, standard, extraInhabitants: 0)
    case "Double": return .data(size: 8, alignment: 8)
    case "Int32", "UInt32", "Float": return .data(size: 4, alignment: 4)
    case "Int16", "UInt16": return .data(size: 2, alignment: 2)
    case "Int8", "UInt8": return .data(size: 1, alignment: 1)
    case "Bool": return .data(size: 1, alignment: 1, extraInhabitants: 254)
    case "UnsafePointer", "UnsafeMutablePointer", "UnsafeRawPointer", "UnsafeMutableRawPointer", "OpaquePointer",
      "AutoreleasingUnsafeMutablePointer", "ManagedBufferPointer":
      return .word(standard == "ManagedBufferPointer" ? .strong : .pointer, text(), extraInhabitants: 1)
    case "Unmanaged", "UnsafeContinuation": return .word(.pointer, text())
    case "UnsafeBufferPointer", "UnsafeMutableBufferPointer", "UnsafeRawBufferPointer", "UnsafeMutableRawBufferPointer":
      return Layout(size: 16, alignment: 8, slots: [.init(offset: 0, strength: .pointer, typeName: text())])
    case "Optional":
      guard arguments.count == 1, let payload = layout(of: arguments[0], depth: depth + 1) else { return nil }
      return singlePayload(payload, emptyCases: 1)
    default: return nil
    }
  }

  // MARK: With metadata

  func layout(ofMetadata metadata: UInt64, depth: Int) -> Layout? {
    if let known = layouts[metadata] { return known }
    guard spend(depth: depth) else { return nil }
    layouts[metadata] = .some(nil)  // ends cycles
    let layout = makeLayout(ofMetadata: metadata, depth: depth + 1)
    layouts[metadata] = isCutShort ? nil : .some(layout)
    return layout
  }

  private func makeLayout(ofMetadata metadata: UInt64, depth: Int) -> Layout? {
    guard metadata & 7 == 0, let word = memory.word(metadata), let kind = MetadataKind(rawValue: word),
      let node = node(ofMetadata: metadata)
    else { return nil }
    switch kind {
    case .class, .foreignClass: return .word(.strong, name(of: node) ?? "")
    case .foreignReferenceType: return .word(.pointer, "")
    case .heapLocalVariable, .heapGenericLocalVariable, .error, .task, .job: return nil
    default: break
    }
    guard let witnesses = ValueWitnesses(of: metadata, in: memory) else {
      // Tuples and functions share witness tables, all others have their own.
      if case .nominal = node { return nil }
      return layout(of: node, depth: depth + 1)
    }
    let content = content(of: node, metadata, kind, witnesses, depth: depth + 1)
    var slots = content.slots
    // Plain data holds no references, but may hold pointers; of C's unions and opaque structs nobody knows.
    if witnesses.isPlainOldData, !isImportedFromC(node) {
      slots.removeAll { $0.strength != .pointer && $0.strength != .number }
    }
    return Layout(
      size: witnesses.size, alignment: witnesses.alignment, extraInhabitants: witnesses.extraInhabitants, slots: slots,
      stride: witnesses.stride, present: content.present)
  }

  private func isImportedFromC(_ node: TypeNode) -> Bool {
    if case .nominal(let reference, _) = node { qualifiedName(reference)?.module == "__C" } else { false }
  }

  private func content(
    of node: TypeNode, _ metadata: UInt64, _ kind: MetadataKind, _ witnesses: ValueWitnesses, depth: Int
  ) -> Content {
    let size = witnesses.size
    if case .nominal(let reference, let arguments) = node {
      if let standard = qualifiedName(reference)?.standardName,
        let layout = standardLayout(standard, reference, arguments, depth: depth + 1), layout.size == size
      {
        return Content(layout)
      }
      guard case .descriptor(let address) = reference, let descriptor = descriptor(at: address) else {
        return Content(slots: Layout.ambiguousSlots(0..<size))
      }
      let environment = environment(ofMetadata: metadata, descriptor)
      return descriptor.kind == .structure
        ? structureContent(metadata, descriptor, environment, size: size, depth: depth + 1)
        : Content(slots: enumerationSlots(descriptor, environment, size: size, depth: depth + 1))
    }
    if kind == .tuple, case .tuple(let elements) = node {
      return tupleContent(metadata, elements, size: size, depth: depth + 1)
    }
    if let layout = layout(of: node, depth: depth + 1), layout.size == size { return Content(layout) }
    return Content(slots: Layout.ambiguousSlots(0..<size))
  }

  private func tupleContent(_ metadata: UInt64, _ elements: [TypeNode.TupleElement], size: Int, depth: Int) -> Content {
    let members = elements.enumerated().map { index, element in
      Member(
        name: element.label ?? String(index), type: element.type,
        offset: memory.word(metadata &+ 24 &+ 16 &* UInt64(index) &+ 8).map { Int(truncatingIfNeeded: $0) })
    }
    return content(of: members, within: 0..<size, depth: depth + 1)
  }

  private func structureContent(
    _ metadata: UInt64, _ descriptor: ContextDescriptor, _ environment: GenericEnvironment, size: Int, depth: Int
  ) -> Content {
    guard let records = fields(descriptor), let vector = memory.half(descriptor.address &+ 24), vector < 1 << 12 else {
      return Content(slots: Layout.ambiguousSlots(0..<size))
    }
    if records.isEmpty {
      // `@_rawLayout` types of Synchronization have size but no fields.
      guard size > 0 else { return Content() }
      if qualifiedName(descriptor)?.path.last?.name == "_Cell", let content = environment.arguments.first ?? nil,
        let layout = layout(of: content, depth: depth + 1), layout.size <= size
      {
        return Content(layout)
      }
      return Content(slots: Layout.ambiguousSlots(0..<size))
    }
    let members = records.enumerated().map { index, record in
      Member(
        name: record.name, type: record.type.map { substitute($0, environment) },
        offset: memory.half(metadata &+ 8 &* UInt64(vector) &+ 4 &* UInt64(index)).map { Int($0) })
    }
    return content(of: members, within: 0..<size, depth: depth + 1)
  }

  private func enumerationSlots(
    _ descriptor: ContextDescriptor, _ environment: GenericEnvironment, size: Int, depth: Int
  ) -> [ReferenceSlot] {
    guard let payloads = payloads(descriptor, environment, depth: depth + 1) else {
      return Layout.ambiguousSlots(0..<size)
    }
    if payloads.count == 1, let cases = fields(descriptor)?.count {
      return singlePayload(payloads[0], emptyCases: cases - 1).slots.filter { $0.offset + 8 <= size }
    }
    return Layout.union(payloads, name: descriptor.name, tag: tag(of: descriptor, payloads, size: size))
      .filter { $0.offset + 8 <= size }
  }

  /// A field whose offset is known, inside something whose size is known.
  struct Member {
    var name: String
    var type: TypeNode?
    var offset: Int?
  }

  /// Of something whose size is known: what its fields hold, and words that are an address in every value.
  struct Content {
    var slots: [ReferenceSlot] = []
    var present: [Int] = []

    init(slots: [ReferenceSlot] = []) { self.slots = slots }

    init(_ layout: Layout) {
      slots = layout.slots
      present = layout.present
    }
  }

  /// Fields at known offsets. A field of unknown layout is ambiguous up to the next field.
  func content(of members: [Member], within range: Range<Int>, depth: Int) -> Content {
    let offsets = members.compactMap(\.offset).sorted()
    guard offsets.count == members.count, offsets.allSatisfy({ $0 >= range.lowerBound && $0 <= range.upperBound })
    else {
      return Content(slots: Layout.ambiguousSlots(range))
    }
    var result = Content()
    for member in members {
      guard let offset = member.offset else { continue }
      let end = offsets.first { $0 > offset } ?? range.upperBound
      if let type = member.type, let layout = layout(of: type, depth: depth + 1), offset + layout.size <= end {
        result.slots += layout.slots(at: offset, path: member.name)
        result.present += layout.present.prefix(Layout.presentLimit - result.present.count).map { $0 + offset }
      } else {
        result.slots += Layout.ambiguousSlots(
          offset..<end, path: member.name, typeName: member.type.flatMap { name(of: $0) } ?? "")
      }
      if result.slots.count > Layout.slotLimit { return Content(slots: Layout.ambiguousSlots(range)) }
    }
    result.slots.sort { $0.offset < $1.offset }
    return result
  }

  // MARK: Without metadata

  private func computedStructure(_ descriptor: ContextDescriptor, _ environment: GenericEnvironment, depth: Int)
    -> Layout?
  {
    guard let records = fields(descriptor) else { return nil }
    if records.isEmpty, !environment.arguments.isEmpty {
      guard let argument = environment.arguments[0] else { return nil }
      switch qualifiedName(descriptor)?.path.last?.name {
      case "_Cell": return layout(of: argument, depth: depth + 1)
      case "Atomic":
        guard let value = layout(of: argument, depth: depth + 1), value.size <= 16 else { return nil }
        var size = 1
        while size < value.size { size *= 2 }
        return Layout(
          size: size, alignment: size,
          slots: value.slots.map {
            ReferenceSlot(offset: $0.offset, strength: .ambiguous, path: $0.path, typeName: $0.typeName)
          })
      default: break
      }
    }
    var members: [(String, Layout)] = []
    for record in records {
      guard let type = record.type, let member = layout(of: substitute(type, environment), depth: depth + 1) else {
        return nil
      }
      members.append((record.name, member))
    }
    return .aggregate(members)
  }
}
