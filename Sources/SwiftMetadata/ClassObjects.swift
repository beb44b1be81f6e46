/// Instances of classes and actors, and the tail-allocated storage classes of the standard library.
extension MetadataDecoder {
  /// Modules whose classes may allocate behind their instance size without deriving from `ManagedBuffer`.
  private static let tailAllocatingModules: Set<String> = [
    "Swift", "_Concurrency", "Foundation", "FoundationEssentials", "FoundationInternationalization", "Synchronization",
    "Observation", "_StringProcessing", "Dispatch", "Distributed", "_RegexParser", "RegexBuilder",
  ]

  func classEntry(_ head: UInt64) -> ObjectEntry? {
    guard let metadata = ClassMetadata(at: head, in: memory), let descriptor = descriptor(ofMetadata: head),
      let qualified = qualifiedName(descriptor), let name = name(ofMetadata: head, depth: 0),
      let chain = superclasses(metadata)
    else { return nil }
    let minimum = UInt64(metadata.instanceSize)
    if let storage = storageEntry(head, qualified, name) { return storage }
    if let ring = ringEntry(head, qualified, name) { return ring }
    if let node = hashNodeEntry(head, qualified, name) { return node }
    if isStreamStorage(qualified), let slots = instanceSlots(chain) {
      // Behind the instance lies a lock.
      let type = ObjectType(kind: .class, name: name, layout: .fixed(size: metadata.instanceSize, slots: slots))
      return .type(type, minimum: minimum, maximum: .max)
    }
    if isCoreFoundation(qualified) || chain.contains(where: { isTailAllocating($0) }) {
      // What lies behind the instance, nobody describes.
      var type = ObjectType(kind: .class, name: name, layout: .conservative, isOwn: isOwn(qualified))
      if !type.isOwn { type.library = library(using: head, descriptor) }
      return .type(type, minimum: minimum, maximum: .max)
    }
    let layout: ObjectLayout =
      instanceSlots(chain).map { .fixed(size: metadata.instanceSize, slots: $0) } ?? .conservative
    var type = ObjectType(
      kind: .class, name: name, layout: layout, actor: actor(chain, layout), isOwn: isOwn(qualified))
    if !type.isOwn { type.library = library(using: head, descriptor) }
    let alignmentSlack = metadata.alignmentMask > 15 ? UInt64(metadata.alignmentMask) : 0
    let maximum = Self.largestBlock(for: minimum) &+ alignmentSlack
    return Self.tailAllocatingModules.contains(qualified.module)
      ? .typeWithTail(type, minimum: minimum, maximum: maximum) : .type(type, minimum: minimum, maximum: maximum)
  }

  /// Declared in the program's own module.
  func isOwn(_ name: QualifiedName) -> Bool {
    name.module == omittedModule || name.module == MetadataDecoder.unnamedModule
  }

  /// The compiler's name for the storage of a default actor is a field's name.
  private func actor(_ chain: [ClassMetadata], _ layout: ObjectLayout) -> ObjectType.Actor {
    guard chain.contains(where: { descriptor(at: $0.descriptor)?.isActor ?? false }) else { return .none }
    guard case .fixed(let size, let slots) = layout, UInt64(size) >= DefaultActor.storage.upperBound,
      slots.contains(where: { $0.offset == DefaultActor.incomingWord && $0.path == "$defaultActor" })
    else { return .custom }
    return .standard
  }

  /// The class and its superclasses, outermost last; nil where the chain breaks or does not end.
  func superclasses(_ metadata: ClassMetadata) -> [ClassMetadata]? {
    var chain = [metadata]
    while let last = chain.last, last.superclass != 0 {
      guard chain.count < 64, let next = ClassMetadata(at: last.superclass, in: memory),
        next.instanceSize <= last.instanceSize
      else { return nil }
      chain.append(next)
    }
    return chain
  }

  /// Objects that CoreFoundation makes under a Swift class of Foundation: its structures fill the block, whatever the class declares
  /// (swiftlang/swift-corelibs-foundation Sources/CoreFoundation/CFRuntime.c, `_CFRuntimeBridgeTypeToClass`).
  private func isCoreFoundation(_ qualified: QualifiedName) -> Bool {
    guard qualified.module == "Foundation", let name = qualified.path.first?.name else { return false }
    return name.hasPrefix("_NSCF") || name.hasPrefix("__NSCF")
  }

  private func isTailAllocating(_ metadata: ClassMetadata) -> Bool {
    guard let name = descriptor(at: metadata.descriptor).flatMap({ qualifiedName($0) }),
      name.module == "Swift" || name.module == "_Concurrency"
    else { return false }
    let path = name.path.map(\.name)
    return path == ["ManagedBuffer"] || path == ["AnyKeyPath"] || isStreamStorage(name)
  }

  /// swiftlang/swift 6.3 stdlib/public/Concurrency/AsyncStreamBuffer.swift.
  private func isStreamStorage(_ name: QualifiedName) -> Bool {
    let path = name.path.map(\.name)
    return (name.module == "Swift" || name.module == "_Concurrency") && path.count == 2 && path[1] == "_Storage"
      && (path[0] == "AsyncStream" || path[0] == "AsyncThrowingStream")
  }

  /// Reference slots of all stored properties; nil where a class of the chain has no reflection metadata.
  private func instanceSlots(_ chain: [ClassMetadata]) -> [ReferenceSlot]? {
    guard let size = chain.first?.instanceSize, size <= Layout.listedSize, let members = instanceMembers(chain) else {
      return nil
    }
    return content(of: members, within: 16..<size, depth: 0).slots
  }

  /// All stored properties with their offsets, those of superclasses last.
  func instanceMembers(_ chain: [ClassMetadata]) -> [Member]? {
    var members: [Member] = []
    for metadata in chain {
      guard let descriptor = descriptor(at: metadata.descriptor), let records = fields(descriptor) else { return nil }
      if records.isEmpty { continue }
      guard let vector = fieldOffsets(metadata, descriptor) else { return nil }
      let environment = environment(ofMetadata: metadata.address, descriptor)
      for (index, record) in records.enumerated() {
        members.append(
          Member(
            name: record.name, type: record.type.map { substitute($0, environment) },
            offset: memory.word(vector &+ 8 &* UInt64(index)).map { Int(truncatingIfNeeded: $0) }))
      }
    }
    return members
  }

  /// Address of the offsets of the properties that the class itself declares.
  private func fieldOffsets(_ metadata: ClassMetadata, _ descriptor: ContextDescriptor) -> UInt64? {
    guard let words = memory.half(descriptor.address &+ 40), words < 1 << 16 else { return nil }
    var offset = 8 * Int(words)
    if descriptor.hasResilientSuperclass {
      // Relative to the members that the class adds, of which they may be the first.
      guard let members = immediateMembersOffset(descriptor) else { return nil }
      offset += members
    } else if words == 0 {
      return nil
    }
    return metadata.address &+ UInt64(bitPattern: Int64(offset))
  }

  // MARK: Storage of the standard library

  private func storageEntry(_ head: UInt64, _ qualified: QualifiedName, _ name: String) -> ObjectEntry? {
    guard let standard = qualified.standardName, let descriptor = descriptor(ofMetadata: head) else { return nil }
    let arguments = environment(ofMetadata: head, descriptor).arguments
    func value(_ index: Int) -> ValueLayout {
      guard index < arguments.count, let node = arguments[index], let layout = layout(of: node, depth: 0) else {
        return ValueLayout(typeName: "", size: 0, stride: 0, alignment: 1, slots: [])
      }
      return valueLayout(layout, name: self.name(of: node) ?? "")
    }
    switch standard {
    case "_ContiguousArrayStorage":
      let element = value(0)
      // Elements start behind {isa, refcount, count, capacity}, at their own alignment.
      let start = Layout.round(32, to: max(1, element.alignment))
      let layout: ObjectLayout =
        element.stride > 0 && element.stride <= Layout.listedSize
        ? .array(elements: start, element: element) : .conservative
      return .type(ObjectType(kind: .arrayStorage, name: name, layout: layout), minimum: 32, maximum: .max)
    case "_DictionaryStorage":
      let (key, content) = (value(0), value(1))
      let layout: ObjectLayout =
        key.stride > 0 && content.stride > 0 && max(key.stride, content.stride) <= Layout.listedSize
        ? .hashTable(bitmap: 64, key: key, value: content) : .conservative
      return .type(ObjectType(kind: .dictionaryStorage, name: name, layout: layout), minimum: 64, maximum: .max)
    case "_SetStorage":
      let key = value(0)
      let layout: ObjectLayout =
        key.stride > 0 && key.stride <= Layout.listedSize ? .hashTable(bitmap: 56, key: key, value: nil) : .conservative
      return .type(ObjectType(kind: .setStorage, name: name, layout: layout), minimum: 56, maximum: .max)
    case "__StringStorage":
      return .type(ObjectType(kind: .stringStorage, name: name, layout: .string), minimum: 32, maximum: .max)
    case "CheckedContinuationCanary":
      // Tail: the continuation, then the name of the function that made it.
      let slots = [
        ReferenceSlot(offset: 16, strength: .pointer, path: "continuation", typeName: "UnsafeContinuation"),
        ReferenceSlot(offset: 32, strength: .strong, path: "function", typeName: "String"),
      ]
      let type = ObjectType(kind: .class, name: name, layout: .fixed(size: 40, slots: slots))
      return .type(type, minimum: 40, maximum: Self.largestBlock(for: 40))
    default: return nil
    }
  }
}
