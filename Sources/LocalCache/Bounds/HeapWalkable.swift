/// Containers of the standard library, whose storage the walk knows by heart.
protocol HeapWalkable {
  static func walkHeap(at pointer: UnsafeRawPointer, into walk: inout HeapWalkState)
}

extension HeapWalkState {
  /// Counts the storage object that a container's first word refers to. Its elements are walked only if it was not counted before.
  fileprivate mutating func enterStorage(_ pointer: UnsafeRawPointer) -> UnsafeRawPointer? {
    guard let storage = pointer.load(as: UnsafeRawPointer?.self) else { return nil }
    guard enter(UInt(bitPattern: storage), size: HeapWalkState.blockSize(storage)) else {
      return nil
    }
    return storage
  }

  /// Elements evenly spread over the container stand for all of them.
  fileprivate mutating func walkSample(count: Int, _ body: (Int, inout HeapWalkState) -> Void) {
    let measured = min(count, elementsMeasured)
    guard measured < count else {
      for index in 0..<count { body(index, &self) }
      return
    }
    let before = (bytes, holes)
    for index in 0..<measured { body(index * count / measured, &self) }
    extrapolate(since: before, by: Double(count - measured) / Double(measured))
  }
}

extension String: HeapWalkable {
  /// Bit 63 of the second word: keeps nothing; bit 61: small (stdlib/public/core/StringObject.swift).
  static func walkHeap(at pointer: UnsafeRawPointer, into walk: inout HeapWalkState) {
    let word = pointer.load(fromByteOffset: 8, as: UInt64.self)
    guard word >> 61 & 5 == 0,
      let object = UnsafeRawPointer(bitPattern: UInt(word & 0x0FFF_FFFF_FFFF_FFFF))
    else {
      return
    }
    _ = walk.enter(UInt(bitPattern: object), size: HeapWalkState.blockSize(object))
  }
}

extension Array: HeapWalkable {
  static func walkHeap(at pointer: UnsafeRawPointer, into walk: inout HeapWalkState) {
    let count = pointer.assumingMemoryBound(to: [Element].self).pointee.count
    ArrayStorage.walk(at: pointer, count, Element.self, &walk)
  }
}

extension ContiguousArray: HeapWalkable {
  static func walkHeap(at pointer: UnsafeRawPointer, into walk: inout HeapWalkState) {
    let count = pointer.assumingMemoryBound(to: ContiguousArray<Element>.self).pointee.count
    ArrayStorage.walk(at: pointer, count, Element.self, &walk)
  }
}

private enum ArrayStorage {
  /// Elements begin 32 bytes into the storage (ContiguousArrayBuffer.swift).
  static func walk<Element>(
    at pointer: UnsafeRawPointer, _ count: Int, _ type: Element.Type, _ walk: inout HeapWalkState
  ) {
    guard let storage = walk.enterStorage(pointer), count > 0, !TrivialTypes.contains(Element.self) else { return }
    let plan = TypePlan.of(Element.self)
    walk.walkSample(count: count) { index, walk in
      plan.walk(storage + 32 + index * MemoryLayout<Element>.stride, &walk)
    }
  }
}

extension Dictionary: HeapWalkable {
  static func walkHeap(at pointer: UnsafeRawPointer, into walk: inout HeapWalkState) {
    guard walk.enterStorage(pointer) != nil else { return }
    let (keys, values) = (!TrivialTypes.contains(Key.self), !TrivialTypes.contains(Value.self))
    guard keys || values else { return }
    let dictionary = pointer.assumingMemoryBound(to: [Key: Value].self).pointee
    HashedStorage.walk(dictionary, &walk) { element, walk in
      if keys { HeapMeasurement.add(element.key, to: &walk) }
      if values { HeapMeasurement.add(element.value, to: &walk) }
    }
  }
}

extension Set: HeapWalkable {
  static func walkHeap(at pointer: UnsafeRawPointer, into walk: inout HeapWalkState) {
    guard walk.enterStorage(pointer) != nil, !TrivialTypes.contains(Element.self) else { return }
    HashedStorage.walk(pointer.assumingMemoryBound(to: Set<Element>.self).pointee, &walk) {
      HeapMeasurement.add($0, to: &$1)
    }
  }
}

private enum HashedStorage {
  /// The first elements in the order of their hashes are a random choice already.
  static func walk<Elements: Collection>(
    _ elements: Elements, _ walk: inout HeapWalkState,
    _ body: (Elements.Element, inout HeapWalkState) -> Void
  ) {
    var iterator = elements.makeIterator()
    walk.walkSample(count: elements.count) { _, walk in
      if let element = iterator.next() { body(element, &walk) }
    }
  }
}
