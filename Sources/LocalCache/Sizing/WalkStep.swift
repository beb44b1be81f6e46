/// One thing to look at in a value: its kind, and where it lies. All of it is bits, so that a walk counts no references.
enum WalkStep {
  case string(at: Int)
  /// A reference to an object of a class, which only the object tells; may be 0.
  case object(at: Int)
  /// A reference to the storage of an array.
  case array(at: Int, ArrayElements)
  /// A reference to the storage of a dictionary or set.
  case hashTable(at: Int, HashTableElements)
  /// The elements of such storage, which begins at the pointer itself.
  case arrayStorage(ArrayElements)
  case tableStorage(HashTableElements)
  /// Elements one behind the other.
  case inline(at: Int, InlineElements)
  case payload(at: Int, EnumPayload)
  /// A container of a library.
  case container(at: Int, LibraryContainer)
  case existential(at: Int)
  case error(at: Int)
  case closure(at: Int)
  /// A value whose type says how large it is.
  case sized(at: Int, any MemorySized.Type)
  /// An object whose class says so.
  case sizedObject(any MemorySized.Type)
  /// An object that owns memory behind a pointer.
  case memory(OwnedMemory)

  func walk(_ pointer: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    switch self {
    case .string(let offset): StringStorage.walk(pointer + offset, &walk)
    case .object(let offset): Self.object((pointer + offset).load(as: UInt.self), &walk)
    case .array(let offset, let elements): elements.walk(pointer + offset, &walk)
    case .hashTable(let offset, let elements): elements.walk(pointer + offset, &walk)
    case .arrayStorage(let elements): elements.walkStorage(pointer, &walk)
    case .tableStorage(let elements): elements.walkStorage(pointer, &walk)
    case .inline(let offset, let elements): elements.walk(pointer + offset, &walk)
    case .payload(let offset, let payload): payload.walk(pointer + offset, &walk)
    case .container(let offset, let container): container.walk(pointer + offset, &walk)
    case .existential(let offset): Self.existential(pointer + offset, &walk)
    case .error(let offset): Self.error(pointer + offset, &walk)
    case .closure(let offset): Self.closure(pointer + offset, &walk)
    case .sized(let offset, let type): Self.sized(type, pointer + offset, &walk)
    case .sizedObject(let type):
      // The value of a class type is the reference; the object stands at the pointer itself.
      withUnsafePointer(to: UInt(bitPattern: pointer)) { Self.sized(type, UnsafeRawPointer($0), &walk) }
    case .memory(let memory): memory.walk(pointer, &walk)
    }
  }

  /// An object and what its stored properties refer to.
  private static func object(_ address: UInt, _ walk: inout HeapWalkState) {
    guard let object = UnsafeRawPointer(bitPattern: address), walk.enter(object: object) else { return }
    let isa = object.load(as: UnsafeRawPointer.self)
    guard let plan = TypePlan.ofInstances(unsafeBitCast(isa, to: Any.Type.self)) else { return }
    guard !walk.staysOutside || plan.isStorageOfValues else { return }
    // A guard guards the variables of other objects too.
    if walk.isBelowGuard, plan.guarding == .variables { return }
    walk.walk(object, plan)
  }

  /// `any P`: the value in three words or in a box, then its type (ABI/Metadata.h, OpaqueExistentialContainer).
  private static func existential(_ pointer: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    let type = pointer.load(fromByteOffset: 24, as: Any.Type.self)
    guard ValueWitnesses(type).isBoxedInExistentials else {
      TypePlan.of(type)?.walk(pointer, &walk)
      return
    }
    box(pointer.load(as: UnsafeRawPointer.self), header: 16, type, &walk)
  }

  /// `any Error`: a box, with the type in its third word and the value behind the fourth (runtime/ErrorObject.h, without Objective-C).
  private static func error(_ pointer: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    #if !canImport(ObjectiveC)
      guard let error = pointer.load(as: UnsafeRawPointer?.self) else { return }
      box(error, header: 32, error.load(fromByteOffset: 16, as: Any.Type.self), &walk)
    #endif
  }

  /// A block with a value of a type behind a header.
  static func box(_ box: UnsafeRawPointer, header: Int, _ type: Any.Type, _ walk: inout HeapWalkState) {
    guard walk.enter(object: box) else { return }
    if let plan = TypePlan.of(type) { walk.walk(box + ValueWitnesses(type).place(behind: header), plan) }
  }

  /// A closure's context: its block, not what it captured.
  private static func closure(_ pointer: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    guard let context = pointer.load(fromByteOffset: 8, as: UnsafeRawPointer?.self) else { return }
    _ = walk.enter(object: context)
  }

  private static func sized(_ type: any MemorySized.Type, _ pointer: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    guard !walk.staysOutside else { return }
    func bytes<T: MemorySized>(_: T.Type) -> Int { pointer.assumingMemoryBound(to: T.self).pointee.heapBytes }
    walk.add(bytes(type))
  }
}
