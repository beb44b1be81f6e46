/// Containers of swift-collections that keep their elements in raw memory behind a buffer object, where a walk along types does not see them.
///
/// The elements are asked of the container itself, as anybody asks for them, so how it lays them out does not matter. Its first word refers to its storage. Only
/// the nodes of trees are known by heart. Containers that are made of arrays need no word here.
struct LibraryContainer {
  private let collection: any Collection.Type
  /// Nil where elements refer to nothing that is counted.
  private let elements: TypePlan?
  private let isTree: Bool

  /// Nil for other types.
  init?(_ type: Any.Type, _ builder: inout PlanBuilder) {
    guard let collection = type as? any Collection.Type else { return nil }
    let name = _typeName(type, qualified: true)
    isTree = ["TreeSet<", "TreeDictionary<"].contains { name.hasPrefix("HashTreeCollections.\($0)") }
    guard isTree || name.hasPrefix("DequeModule.Deque<") else { return nil }
    self.collection = collection
    elements = Self.plan(ofElements: collection, &builder)
  }

  private static func plan<C: Collection>(ofElements _: C.Type, _ builder: inout PlanBuilder) -> TypePlan? {
    builder.plan(ofValues: C.Element.self)
  }

  /// Counts what the container at an address refers to.
  func walk(_ pointer: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    guard let storage = pointer.load(as: UnsafeRawPointer?.self), walk.enter(object: storage) else { return }
    if isTree { Self.walkChildren(storage, &walk) }
    if let elements { walkElements(collection, pointer, elements, &walk) }
  }

  private func walkElements<C: Collection>(
    _: C.Type, _ pointer: UnsafeRawPointer, _ plan: TypePlan, _ walk: inout HeapWalkState
  ) {
    let container = pointer.assumingMemoryBound(to: C.self).pointee
    // Trees give their elements in the order of their hashes: the first are a random choice already.
    var iterator = container.makeIterator()
    walk.sample(of: container.count) { index, walk in
      let element =
        isTree ? iterator.next() : container[container.index(container.startIndex, offsetBy: index)]
      if let element { withUnsafePointer(to: element) { plan.walk(UnsafeRawPointer($0), &walk) } }
    }
  }

  /// Nodes below a node: behind the header of the object stand the map of its items, that of its children and two more words of four bytes; then its children,
  /// each a reference and a number (swift-collections, HashTreeCollections/HashNode/_HashNodeHeader.swift and _RawHashNode.swift, 1.1 to 1.6). A node whose maps
  /// have bits in common has items of equal hashes, and no children. Thirteen levels at most.
  private static func walkChildren(_ node: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    let items = node.load(fromByteOffset: 16, as: UInt32.self)
    let children = node.load(fromByteOffset: 20, as: UInt32.self)
    guard items & children == 0, walk.descend() else { return }
    for index in 0..<children.nonzeroBitCount {
      let child = node.load(fromByteOffset: 32 + 16 * index, as: UnsafeRawPointer?.self)
      if let child, walk.enter(object: child) { walkChildren(child, &walk) }
    }
    walk.ascend()
  }
}

/// A buffer whose holder knows what lies in it: the block is counted.
extension ManagedBufferPointer: HeapWalkable {
  static func step(at offset: Int, _ builder: inout PlanBuilder) -> WalkStep { .object(at: offset) }
}
