@_spi(Reflection) import Swift

/// Bytes on the heap of any value, found by walking it along its type.
///
/// What a type's fields are and where they lie is asked of the runtime once; after that a walk reads memory at known offsets. This is some
/// hundred times faster than `Mirror`, and needs no conformance of the types.
enum HeapMeasurement {
  static func add<Value>(_ value: Value, to walk: inout HeapWalkState) {
    guard !_isPOD(Value.self) || !TrivialTypes.contains(Value.self) else { return }
    withUnsafePointer(to: value) { pointer in
      TypePlan.of(Value.self).walk(UnsafeRawPointer(pointer), &walk)
    }
  }

  /// An object and what its stored properties refer to. `address` may be 0.
  static func addObject(_ address: UInt, to walk: inout HeapWalkState) {
    guard let object = UnsafeRawPointer(bitPattern: address) else { return }
    guard walk.enter(address, size: HeapWalkState.blockSize(object)) else { return }
    let isa = object.load(as: UnsafeRawPointer.self)
    let plan = TypePlan.ofInstances(unsafeBitCast(isa, to: Any.Type.self))
    guard !walk.measuresHoles || plan.isStorageOfValues else { return }
    plan.walk(object, &walk)
  }
}

/// How to walk the values of one type.
final class TypePlan: @unchecked Sendable {
  typealias Step = (UnsafeRawPointer, inout HeapWalkState) -> Void
  private let make: () -> [Step]
  /// Built at first use, because types refer to themselves. Guarded by `lock`.
  private lazy var steps: [Step] = make()
  /// Whether the objects do not change while a copy of the value is held that they are the storage of.
  let isStorageOfValues: Bool

  private init(isStorageOfValues: Bool = false, _ make: @escaping () -> [Step]) {
    self.isStorageOfValues = isStorageOfValues
    self.make = make
  }

  func walk(_ pointer: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    guard walk.depth < HeapWalkState.deepest else { return }
    walk.depth += 1
    defer { walk.depth -= 1 }
    for step in Self.lock.withLock({ _ in steps }) { step(pointer, &walk) }
  }

  private struct Key: Hashable {
    let type: ObjectIdentifier
    let isInstance: Bool
  }
  private static let lock = Guarded(())
  private static let cache = Guarded<[Key: TypePlan]>([:])

  /// The plan for values of a type as they are stored.
  static func of(_ type: Any.Type) -> TypePlan {
    cached(Key(type: ObjectIdentifier(type), isInstance: false)) { TypePlan { valueSteps(type) } }
  }

  /// The plan for the stored properties of a class's objects.
  static func ofInstances(_ type: Any.Type) -> TypePlan {
    cached(Key(type: ObjectIdentifier(type), isInstance: true)) {
      if let step = OwnedMemory.step(ofClass: type) { return TypePlan(isStorageOfValues: true) { [step] } }
      return TypePlan { instanceSteps(type) }
    }
  }

  private static func cached(_ key: Key, _ make: () -> TypePlan) -> TypePlan {
    cache.withLock { plans in
      if let plan = plans[key] { return plan }
      let plan = make()
      plans[key] = plan
      return plan
    }
  }

  private static func valueSteps(_ type: Any.Type) -> [Step] {
    if TrivialTypes.contains(type) { return [] }
    if let sized = type as? any MemorySized.Type { return [sizedStep(sized)] }
    if let container = type as? any HeapWalkable.Type {
      return [{ container.walkHeap(at: $0, into: &$1) }]
    }
    switch kind(type) {
    case .struct: return fieldSteps(type, options: [], skipping: WeakFields.names(ofStruct: type))
    case .tuple: return fieldSteps(type, options: [], skipping: [])
    case .class: return [{ HeapMeasurement.addObject($0.load(as: UInt.self), to: &$1) }]
    case .enum:
      guard let payload = EnumPayload(type) else { return [] }
      return [payload.walk]
    case .existential: return [existentialStep(type)]
    case .function:
      // A closure's context: its block, not what it captured.
      return [
        { pointer, walk in
          guard let context = pointer.load(fromByteOffset: 8, as: UnsafeRawPointer?.self) else {
            return
          }
          _ = walk.enter(UInt(bitPattern: context), size: HeapWalkState.blockSize(context))
        }
      ]
    case .other: return []
    }
  }

  private static func instanceSteps(_ type: Any.Type) -> [Step] {
    guard kind(type) == .class else { return [] }
    if let sized = type as? any MemorySized.Type {
      // The value of a class type is the reference; the object stands at the pointer itself.
      return [
        { pointer, walk in
          withUnsafePointer(to: UInt(bitPattern: pointer)) {
            sizedStep(sized)(UnsafeRawPointer($0), &walk)
          }
        }
      ]
    }
    return fieldSteps(
      type, options: Self.ofClass, skipping: WeakFields.names(ofClass: type))
  }

  /// `_EachFieldOptions.classType`, which strict concurrency does not let through.
  static var ofClass: _EachFieldOptions { _EachFieldOptions(rawValue: 1) }

  private static func fieldSteps(
    _ type: Any.Type, options: _EachFieldOptions, skipping: Set<String>
  ) -> [Step] {
    var steps: [Step] = []
    _forEachField(of: type, options: options) { name, offset, fieldType, _ in
      if !TrivialTypes.contains(fieldType), !skipping.contains(String(cString: name)) {
        let plan = TypePlan.of(fieldType)
        steps.append { plan.walk($0 + offset, &$1) }
      }
      return true
    }
    return steps
  }

  private enum Kind { case `class`, `struct`, `enum`, tuple, function, existential, other }

  /// The first word of a type's metadata (ABI/MetadataKind.def): small numbers are kinds; 0, and pointers, are classes.
  private static func kind(_ type: Any.Type) -> Kind {
    switch unsafeBitCast(type, to: UnsafeRawPointer.self).load(as: UInt.self) {
    case 0, 0x800...: .class
    case 0x200: .struct
    case 0x201, 0x202: .enum
    case 0x301: .tuple
    case 0x302: .function
    case 0x303: .existential
    default: .other
    }
  }

  private static func sizedStep<T: MemorySized>(_: T.Type) -> Step {
    { pointer, walk in
      guard !walk.measuresHoles else { return }
      walk.add(pointer.assumingMemoryBound(to: T.self).pointee.heapBytes)
    }
  }

  /// `any P`: the value in three words or in a box, then its type (Metadata.h, ExistentialTypeMetadata and OpaqueExistentialContainer).
  private static func existentialStep(_ type: Any.Type) -> Step {
    let flags = unsafeBitCast(type, to: UnsafeRawPointer.self).load(
      fromByteOffset: 8, as: UInt32.self)
    guard flags & 0x8000_0000 != 0 else {
      return { HeapMeasurement.addObject($0.load(as: UInt.self), to: &$1) }
    }
    switch flags >> 24 & 0x3F {
    case 0: break
    case 1: return errorStep
    default: return { _, _ in }
    }
    return { pointer, walk in
      let metadata = pointer.load(fromByteOffset: 24, as: UnsafeRawPointer.self)
      let witnesses = (metadata - 8).load(as: UnsafeRawPointer.self)
      let isBoxed = witnesses.load(fromByteOffset: 80, as: UInt32.self) & 0x2_0000 != 0
      let type = unsafeBitCast(metadata, to: Any.Type.self)
      let plan = TypePlan.of(type)
      guard isBoxed else { return plan.walk(pointer, &walk) }
      let box = pointer.load(as: UnsafeRawPointer.self)
      guard walk.enter(UInt(bitPattern: box), size: HeapWalkState.blockSize(box)) else { return }
      plan.walk(box + place(of: type, behind: 16), &walk)
    }
  }

  /// `any Error`: a box, with the type in its third word and the value behind the fourth (runtime/ErrorObject.h, without Objective-C).
  private static func errorStep(_ pointer: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    #if !canImport(ObjectiveC)
      guard let box = pointer.load(as: UnsafeRawPointer?.self) else { return }
      guard walk.enter(UInt(bitPattern: box), size: HeapWalkState.blockSize(box)) else { return }
      let type = box.load(fromByteOffset: 16, as: Any.Type.self)
      TypePlan.of(type).walk(box + place(of: type, behind: 32), &walk)
    #endif
  }

  /// Where a value of a type lies in a box, behind a header of so many bytes.
  static func place(of type: Any.Type, behind header: Int) -> Int {
    func alignment<T>(_: T.Type) -> Int { MemoryLayout<T>.alignment }
    let alignment = _openExistential(type, do: alignment)
    return (header + alignment - 1) / alignment * alignment
  }
}
