/// Nodes of swift-collections' `TreeDictionary` and `TreeSet`.
extension MetadataDecoder {
  /// `_HashNode<Key, Value>.Storage: ManagedBuffer<_HashNodeHeader, _RawHashNode>` (apple/swift-collections 1.6.0
  /// Sources/HashTreeCollections/HashNode/_HashNode+Storage.swift, _HashNodeHeader.swift, unchanged since 1.1). A set's value is `Void`.
  func hashNodeEntry(_ head: UInt64, _ qualified: QualifiedName, _ name: String) -> ObjectEntry? {
    guard ["HashTreeCollections", "Collections"].contains(qualified.module),
      qualified.path.map(\.name) == ["_HashNode", "Storage"], let descriptor = descriptor(ofMetadata: head)
    else { return nil }
    let arguments = environment(ofMetadata: head, descriptor).arguments
    func value(_ index: Int) -> ValueLayout? {
      guard index < arguments.count, let node = arguments[index], let layout = layout(of: node, depth: 0) else {
        return nil
      }
      return valueLayout(layout, name: self.name(of: node) ?? "")
    }
    guard let key = value(0), let content = value(1), key.stride > 0,
      max(key.stride, content.stride) <= Layout.listedSize
    else { return nil }
    let isSet = content.size == 0 && content.typeName == "()"
    let type = ObjectType(
      kind: isSet ? .setStorage : .dictionaryStorage, name: name,
      layout: .hashNode(key: key, value: isSet ? nil : content))
    return .type(type, minimum: 32, maximum: .max)
  }
}
