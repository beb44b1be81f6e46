import SwiftMetadata

/// Storage classes of the standard library under the name of the type that a developer wrote.
enum ContainerNames {
  /// The same of a type by its index, of which nothing may be known.
  static func readable(_ type: Int, in heap: TypedHeap) -> String {
    type == TypedHeap.unknown ? TypedHeap.unknownName : readable(heap.types[type])
  }

  static func readable(_ type: ObjectType) -> String {
    switch (type.kind, type.layout) {
    case (.arrayStorage, .array(_, let element)) where !element.typeName.isEmpty: "[\(element.typeName)] storage"
    case (.arrayStorage, .ring(_, let element)) where !element.typeName.isEmpty: "Deque<\(element.typeName)> storage"
    case (.dictionaryStorage, .hashTable(_, let key, let value?)) where !key.typeName.isEmpty:
      "[\(key.typeName) : \(value.typeName)] storage"
    case (.setStorage, .hashTable(_, let key, _)) where !key.typeName.isEmpty: "Set<\(key.typeName)> storage"
    case (.dictionaryStorage, .hashNode(let key, let value?)) where !key.typeName.isEmpty:
      "TreeDictionary<\(key.typeName), \(value.typeName)> storage"
    case (.setStorage, .hashNode(let key, _)) where !key.typeName.isEmpty: "TreeSet<\(key.typeName)> storage"
    case (.stringStorage, _): "String storage"
    case (.class, _) where type.actor != .none: "actor \(type.name)"
    default: type.name
    }
  }
}
