/// Ring buffers of deques: of swift-collections, and of the copy that `AsyncStream` keeps its pending elements in.
extension MetadataDecoder {
  /// `_DequeBuffer<Element>: ManagedBuffer<_DequeBufferHeader, Element>`, header {capacity, count, first slot}
  /// (apple/swift-collections 1.6.0 Sources/DequeModule/Deque/_DequeBuffer.swift, _DequeBufferHeader.swift, unchanged since 1.0; swiftlang/swift
  /// 6.3 stdlib/public/Concurrency/Deque.swift).
  func ringEntry(_ head: UInt64, _ qualified: QualifiedName, _ name: String) -> ObjectEntry? {
    guard ["DequeModule", "Collections", "_Concurrency", "Swift"].contains(qualified.module),
      qualified.path.map(\.name) == ["_DequeBuffer"], let descriptor = descriptor(ofMetadata: head),
      let node = environment(ofMetadata: head, descriptor).arguments.first ?? nil,
      let layout = layout(of: node, depth: 0)
    else { return nil }
    let element = valueLayout(layout, name: self.name(of: node) ?? "")
    guard element.stride > 0, element.stride <= Layout.listedSize else { return nil }
    // Elements stand behind {isa, reference counts} and the header, at their own alignment.
    let start = Layout.round(40, to: max(1, element.alignment))
    let type = ObjectType(kind: .arrayStorage, name: name, layout: .ring(elements: start, element: element))
    return .type(type, minimum: 40, maximum: .max)
  }
}
