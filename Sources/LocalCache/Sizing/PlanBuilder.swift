@_spi(Reflection) import Swift

/// Makes plans from what the runtime knows of types.
struct PlanBuilder {
  /// Plans of values that were begun here.
  private(set) var begun: [(type: Any.Type, plan: TypePlan)] = []

  /// The plan for values of a type; nil where they refer to nothing that is counted.
  mutating func plan(ofValues type: Any.Type) -> TypePlan? {
    guard !TrivialTypes.contains(type) else { return nil }
    if let known = TypePlan.known(type) { return known }
    if let found = begun.first(where: { $0.type == type }) { return found.plan }
    let plan = TypePlan()
    begun.append((type, plan))
    plan.make(steps(type, at: 0))
    return plan
  }

  /// The plan for the objects of a class.
  mutating func plan(ofObjects type: Any.Type) -> TypePlan? {
    guard Self.kind(type) == .class else { return nil }
    let plan = TypePlan()
    if let sized = type as? any MemorySized.Type {
      plan.make([.sizedObject(sized)])
    } else if let memory = OwnedMemory(ofClass: type) {
      plan.make([.memory(memory)], isStorageOfValues: true)
    } else {
      let fields = GuardedFields(ofClass: type)
      var skipped = WeakFields.names(ofClass: type)
      if fields.isGuarded { skipped.formUnion(fields.variables) }
      plan.make(
        fieldSteps(type, at: 0, options: Self.ofClass, skipping: skipped),
        guarding: fields.isGuarded ? .itself : fields.variables.isEmpty ? .nothing : .variables)
    }
    return plan
  }

  private mutating func steps(_ type: Any.Type, at offset: Int) -> [WalkStep] {
    if let sized = type as? any MemorySized.Type { return [.sized(at: offset, sized)] }
    if let container = type as? any HeapWalkable.Type { return [container.step(at: offset, &self)] }
    if let container = LibraryContainer(type, &self) { return [.container(at: offset, container)] }
    switch Self.kind(type) {
    case .struct: return fieldSteps(type, at: offset, options: [], skipping: WeakFields.names(ofStruct: type))
    case .tuple: return fieldSteps(type, at: offset, options: [], skipping: [])
    case .class: return [.object(at: offset)]
    case .enum: return EnumPayload(type, &self).map { [.payload(at: offset, $0)] } ?? []
    case .existential: return [existentialStep(type, at: offset)].compactMap { $0 }
    case .extendedExistential: return [extendedExistentialStep(type, at: offset)].compactMap { $0 }
    case .function: return [.closure(at: offset)]
    case .other: return []
    }
  }

  private mutating func fieldSteps(
    _ type: Any.Type, at start: Int, options: _EachFieldOptions, skipping: Set<String>
  ) -> [WalkStep] {
    var fields: [(offset: Int, type: Any.Type)] = []
    _forEachField(of: type, options: options) { name, offset, fieldType, _ in
      if !skipping.contains(String(cString: name)) { fields.append((offset, fieldType)) }
      return true
    }
    return fields.flatMap { TrivialTypes.contains($0.type) ? [] : steps($0.type, at: start + $0.offset) }
  }

  /// Flags in the second word: whether it is an existential of classes alone, and which special protocol it is of (ABI/MetadataValues.h,
  /// ExistentialTypeFlags).
  private func existentialStep(_ type: Any.Type, at offset: Int) -> WalkStep? {
    let flags = unsafeBitCast(type, to: UnsafeRawPointer.self).load(fromByteOffset: 8, as: UInt32.self)
    guard flags & 0x8000_0000 != 0 else { return .object(at: offset) }
    switch flags >> 24 & 0x3F {
    case 0: return .existential(at: offset)
    case 1: return .error(at: offset)
    default: return nil
    }
  }

  /// `any P<A>`: the second word refers to the shape, whose first byte says the same (ABI/MetadataValues.h, ExtendedExistentialTypeShapeFlags).
  private func extendedExistentialStep(_ type: Any.Type, at offset: Int) -> WalkStep? {
    let shape = unsafeBitCast(type, to: UnsafeRawPointer.self).load(fromByteOffset: 8, as: UnsafeRawPointer.self)
    switch shape.load(as: UInt8.self) {
    case 0: return .existential(at: offset)
    case 1: return .object(at: offset)
    default: return nil
    }
  }

  private enum Kind { case `class`, `struct`, `enum`, tuple, function, existential, extendedExistential, other }

  /// The first word of a type's metadata (ABI/MetadataKind.def): small numbers are kinds; 0, and pointers, are classes.
  private static func kind(_ type: Any.Type) -> Kind {
    switch unsafeBitCast(type, to: UnsafeRawPointer.self).load(as: UInt.self) {
    case 0, 0x800...: .class
    case 0x200: .struct
    case 0x201, 0x202: .enum
    case 0x301: .tuple
    case 0x302: .function
    case 0x303: .existential
    case 0x307: .extendedExistential
    default: .other
    }
  }

  /// `_EachFieldOptions.classType`, which strict concurrency does not let through.
  static var ofClass: _EachFieldOptions { _EachFieldOptions(rawValue: 1) }
}
