/// Containers of the standard library, whose storage the walk knows by heart.
protocol HeapWalkable {
  static func step(at offset: Int, _ builder: inout PlanBuilder) -> WalkStep
}

extension String: HeapWalkable {
  static func step(at offset: Int, _ builder: inout PlanBuilder) -> WalkStep { .string(at: offset) }
}

/// Views of a string begin with it.
extension String.UTF8View: HeapWalkable {
  static func step(at offset: Int, _ builder: inout PlanBuilder) -> WalkStep { .string(at: offset) }
}

extension String.UTF16View: HeapWalkable {
  static func step(at offset: Int, _ builder: inout PlanBuilder) -> WalkStep { .string(at: offset) }
}

extension String.UnicodeScalarView: HeapWalkable {
  static func step(at offset: Int, _ builder: inout PlanBuilder) -> WalkStep { .string(at: offset) }
}

extension Array: HeapWalkable {
  static func step(at offset: Int, _ builder: inout PlanBuilder) -> WalkStep {
    .array(at: offset, ArrayElements(Element.self, &builder))
  }
}

extension ContiguousArray: HeapWalkable {
  static func step(at offset: Int, _ builder: inout PlanBuilder) -> WalkStep {
    .array(at: offset, ArrayElements(Element.self, &builder))
  }
}

/// A slice keeps all of the array, to whose storage its first word refers.
extension ArraySlice: HeapWalkable {
  static func step(at offset: Int, _ builder: inout PlanBuilder) -> WalkStep {
    .array(at: offset, ArrayElements(Element.self, &builder))
  }
}

extension Dictionary: HeapWalkable {
  static func step(at offset: Int, _ builder: inout PlanBuilder) -> WalkStep {
    .hashTable(
      at: offset,
      HashTableElements(
        bitmap: 64, keys: .init(Key.self, pointer: 48, &builder), values: .init(Value.self, pointer: 56, &builder)))
  }
}

extension Dictionary.Keys: HeapWalkable {
  static func step(at offset: Int, _ builder: inout PlanBuilder) -> WalkStep {
    Dictionary.step(at: offset, &builder)
  }
}

extension Dictionary.Values: HeapWalkable {
  static func step(at offset: Int, _ builder: inout PlanBuilder) -> WalkStep {
    Dictionary.step(at: offset, &builder)
  }
}

extension Set: HeapWalkable {
  static func step(at offset: Int, _ builder: inout PlanBuilder) -> WalkStep {
    .hashTable(
      at: offset, HashTableElements(bitmap: 56, keys: .init(Element.self, pointer: 48, &builder), values: nil))
  }
}

@available(macOS 26, iOS 26, tvOS 26, watchOS 26, visionOS 26, *)
extension InlineArray: HeapWalkable {
  static func step(at offset: Int, _ builder: inout PlanBuilder) -> WalkStep {
    .inline(at: offset, InlineElements(Element.self, count: count, &builder))
  }
}

/// Elements that lie one behind the other in the value itself.
struct InlineElements {
  private let plan: TypePlan?
  private let stride: Int
  private let count: Int

  init<Element>(_: Element.Type, count: Int, _ builder: inout PlanBuilder) {
    plan = builder.plan(ofValues: Element.self)
    stride = MemoryLayout<Element>.stride
    self.count = count
  }

  func walk(_ pointer: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    guard let plan else { return }
    walk.sample(of: count) { index, walk in plan.walk(pointer + index * stride, &walk) }
  }
}

/// The elements of an array: how many there are stands in the third word of the storage, and they begin 32 bytes into it
/// (stdlib/public/core/ContiguousArrayBuffer.swift).
struct ArrayElements {
  private let plan: TypePlan?
  private let stride: Int
  /// For storage that has to wait for its walk.
  private var ofStorage: TypePlan?

  init<Element>(_: Element.Type, _ builder: inout PlanBuilder) {
    plan = builder.plan(ofValues: Element.self)
    stride = MemoryLayout<Element>.stride
    if plan != nil { ofStorage = TypePlan([.arrayStorage(self)]) }
  }

  /// - Parameter pointer: where the reference to the storage lies.
  func walk(_ pointer: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    guard let storage = pointer.load(as: UnsafeRawPointer?.self), walk.enter(object: storage), let ofStorage
    else { return }
    if walk.isDeep { walk.walk(storage, ofStorage) } else { walkStorage(storage, &walk) }
  }

  /// The elements in storage that was entered.
  func walkStorage(_ storage: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    guard let plan else { return }
    walk.sample(of: storage.load(fromByteOffset: 16, as: Int.self)) { index, walk in
      plan.walk(storage + 32 + index * stride, &walk)
    }
  }
}

/// The elements of a dictionary or set: in buckets, of which a bitmap says which are in use (stdlib/public/core/HashTable.swift and
/// DictionaryStorage.swift, Swift 5 to 6.3; storage bridged from Objective-C is left alone).
struct HashTableElements {
  /// Keys, values or elements.
  struct Part {
    fileprivate let plan: TypePlan?
    fileprivate let stride: Int
    /// Where the storage has the address of the first one.
    fileprivate let pointer: Int

    init<Element>(_: Element.Type, pointer: Int, _ builder: inout PlanBuilder) {
      plan = builder.plan(ofValues: Element.self)
      stride = MemoryLayout<Element>.stride
      self.pointer = pointer
    }

    fileprivate func walk(_ storage: UnsafeRawPointer, _ bucket: Int, _ walk: inout HeapWalkState) {
      guard let plan, let first = storage.load(fromByteOffset: pointer, as: UnsafeRawPointer?.self) else { return }
      plan.walk(first + bucket * stride, &walk)
    }
  }

  /// Where the bitmap lies in the storage.
  private let bitmap: Int
  private let keys: Part
  private let values: Part?
  /// For storage that has to wait for its walk; nil where no element has anything to count.
  private var ofStorage: TypePlan?

  init(bitmap: Int, keys: Part, values: Part?) {
    (self.bitmap, self.keys, self.values) = (bitmap, keys, values)
    if keys.plan != nil || values?.plan != nil { ofStorage = TypePlan([.tableStorage(self)]) }
  }

  func walk(_ pointer: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    #if canImport(ObjectiveC)
      // The word has a tag where the storage is not Swift's own.
      guard pointer.load(as: UInt.self) >> 62 & 1 == 0 else { return }
    #endif
    guard let storage = pointer.load(as: UnsafeRawPointer?.self), walk.enter(object: storage), let ofStorage
    else { return }
    if walk.isDeep { walk.walk(storage, ofStorage) } else { walkStorage(storage, &walk) }
  }

  /// The elements in storage that was entered. The first in the order of their hashes are a random choice already.
  func walkStorage(_ storage: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    var word = 0
    var bits = storage.load(fromByteOffset: bitmap, as: UInt64.self)
    let words = max(1, (1 << Int(storage.load(fromByteOffset: 32, as: Int8.self))) / 64)
    walk.sample(of: storage.load(fromByteOffset: 16, as: Int.self)) { _, walk in
      while bits == 0 {
        word += 1
        guard word < words else { return }
        bits = storage.load(fromByteOffset: bitmap + word * 8, as: UInt64.self)
      }
      let bucket = word * 64 + bits.trailingZeroBitCount
      bits &= bits - 1
      keys.walk(storage, bucket, &walk)
      values?.walk(storage, bucket, &walk)
    }
  }
}
