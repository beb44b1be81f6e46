import ProcessImage

/// What is known of a first word.
enum ObjectEntry: Sendable {
  /// No heap metadata and no known symbol.
  case unknown
  /// Blocks of `minimum` up to `maximum` usable bytes.
  case type(ObjectType, minimum: UInt64, maximum: UInt64)
  /// The same, and a larger block is an instance with undescribed elements behind it.
  case typeWithTail(ObjectType, minimum: UInt64, maximum: UInt64)
  /// The contained error's type stands in the block.
  case error
  /// The first word of a task allocator's slabs.
  case taskSlab
}

extension MetadataDecoder {
  public func objectType(head: UInt64, address: UInt64, size: UInt64) -> ObjectType? {
    switch entry(head: head, address: address, size: size) {
    case .unknown: return nil
    case .type(let type, let minimum, let maximum): return size >= minimum && size <= maximum ? type : nil
    case .typeWithTail(let type, let minimum, let maximum):
      if size <= maximum { return size >= minimum ? type : nil }
      return ObjectType(kind: type.kind, name: type.name, layout: .conservative, isOwn: type.isOwn)
    case .error: return ask { errorType(at: address, size: size) }
    case .taskSlab: return slabType(address: address, size: size)
    }
  }

  /// - Parameter address, size: of a block that begins with it; 0 where none is at hand.
  private func entry(head: UInt64, address: UInt64, size: UInt64) -> ObjectEntry {
    if let known = objects[head] { return known }
    let entry = ask { makeEntry(head: head, address: address, size: size) }
    guard case .unknown = entry else {
      objects[head] = entry
      return entry
    }
    // A slab's head can only be told with a block at hand, so an unknown head in module data is asked again.
    if unknownHeads < Self.mostUnknownHeads, !mayBeSlabHead(head) {
      objects[head] = entry
      unknownHeads += 1
    }
    return entry
  }

  /// Bytes of an instance of the class, boxes included, that `head` is the metadata of; nil where the size differs by block or
  /// `head` is no heap metadata. For scans of memory whose allocator is not known.
  public func instanceSize(head: UInt64) -> UInt64? {
    switch entry(head: head, address: 0, size: 0) {
    case .type(let type, _, _), .typeWithTail(let type, _, _):
      guard case .fixed(let size, _) = type.layout else { return nil }
      return UInt64(size)
    case .unknown, .error, .taskSlab: return nil
    }
  }

  /// Usable bytes that `malloc` may hand out for `size` bytes: the chunk's rounding, and up to 32 bytes that were too few to
  /// split off.
  static func largestBlock(for size: UInt64) -> UInt64 {
    let chunk = max(32, (size &+ 8 &+ 15) & ~15)
    return chunk &- 8 &+ 32
  }

  private func makeEntry(head: UInt64, address: UInt64, size: UInt64) -> ObjectEntry {
    if head == Self.warningHead {
      return .type(
        ObjectType(kind: .native, name: ObjectType.runtimeWarnings, layout: .none), minimum: 64, maximum: .max)
    }
    guard head >= 0x1000, head < TargetMemory.addressLimit, head & 7 == 0 else { return .unknown }
    if slabHeads.contains(head) || isSlabHead(head, address: address, size: size) { return .taskSlab }
    if let word = memory.word(head), let kind = MetadataKind(rawValue: word) {
      switch kind {
      case .class:
        if let entry = classEntry(head) { return entry }
      case .heapLocalVariable:
        if let entry = closureEntry(head) { return entry }
      case .heapGenericLocalVariable:
        if let entry = boxEntry(head) { return entry }
      case .error: if isInModule(head) { return .error }
      case .task:
        if isInModule(head) { return taskEntry() }
      case .job:
        if isInModule(head) {
          let type = ObjectType(kind: .job, name: "Job", layout: .conservative)
          return .type(type, minimum: 64, maximum: .max)
        }
      default: break
      }
    }
    return nativeEntry(head)
  }

  /// Module that holds `address` in memory.
  func isInModule(_ address: UInt64) -> Bool {
    modules.isEmpty || modules.contains { address >= $0.start && address < $0.end }
  }

  // MARK: Boxes and errors

  /// `0x500`: value offset at +8, type of the value at +16 (GenericBoxHeapMetadata).
  private func boxEntry(_ head: UInt64) -> ObjectEntry? {
    guard let offset = memory.half(head &+ 8), offset >= 16, offset <= 4096, let metadata = memory.word(head &+ 16),
      let name = name(ofMetadata: metadata, depth: 0)
    else { return nil }
    return boxed(.box, "Box<\(name)>", metadata, offset: UInt64(offset))
  }

  private func boxed(_ kind: ObjectType.Kind, _ name: String, _ metadata: UInt64, offset: UInt64) -> ObjectEntry {
    guard let layout = layout(ofMetadata: metadata, depth: 0), layout.size <= Layout.listedSize else {
      let type = ObjectType(kind: kind, name: name, layout: .conservative)
      return .type(type, minimum: offset, maximum: .max)
    }
    let size = offset &+ UInt64(layout.size)
    let type = ObjectType(
      kind: kind, name: name, layout: .fixed(size: Int(size), slots: layout.slots(at: Int(offset), path: "")))
    return .type(type, minimum: size, maximum: Self.largestBlock(for: size))
  }

  /// A boxed error: type metadata at +16, witness table at +24, then the value at its alignment (SwiftError without
  /// Objective-C, stdlib/public/runtime/ErrorObject.h).
  private func errorType(at address: UInt64, size: UInt64) -> ObjectType? {
    guard size >= 32, let metadata = memory.word(address &+ 16) else { return nil }
    if let known = errors[metadata] { return known }
    var result: ObjectType?
    if let name = name(ofMetadata: metadata, depth: 0) {
      let offset = Layout.round(32, to: layout(ofMetadata: metadata, depth: 0)?.alignment ?? 8)
      if case .type(let type, _, _) = boxed(.error, "Error(\(name))", metadata, offset: UInt64(offset)) {
        result = type
      }
    }
    errors[metadata] = .some(result)
    return result
  }
}
