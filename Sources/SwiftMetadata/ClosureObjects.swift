/// Closure contexts and boxes of captured variables (`0x400`).
extension MetadataDecoder {
  /// Most captures that are believed of one closure.
  private static let captureLimit: UInt32 = 256

  /// Offset of the first capture at +8, capture descriptor at +16 (HeapLocalVariableMetadata; CaptureDescriptor in
  /// include/swift/RemoteInspection/Records.h): {captures, metadata sources, bindings}, then one type string a capture.
  ///
  /// Offsets are not stored: captures follow one another, each at its alignment.
  func closureEntry(_ head: UInt64) -> ObjectEntry? {
    guard let start = memory.half(head &+ 8), start >= 16 || start == 0, start <= 4096,
      let descriptor = memory.word(head &+ 16)
    else { return nil }
    guard descriptor != 0 else {
      let type = ObjectType(kind: .closureContext, name: "closure context", layout: .conservative)
      return isInModule(head) ? .type(type, minimum: 16, maximum: .max) : nil
    }
    guard descriptor & 3 == 0, let count = memory.half(descriptor), let sources = memory.half(descriptor &+ 4),
      let bindings = memory.half(descriptor &+ 8), count <= Self.captureLimit, sources <= Self.captureLimit,
      bindings <= Self.captureLimit
    else { return nil }
    var captures: [TypeNode?] = []
    for index in 0..<UInt64(count) {
      guard let text = memory.relative(descriptor &+ 12 &+ 4 &* index) else { return nil }
      captures.append(MangledText(at: text, in: memory).flatMap { parse($0) })
    }
    let names = captures.map { $0.flatMap { captureName($0) } ?? "?" }
    let name = "closure context" + (names.isEmpty ? "" : " (\(names.joined(separator: ", ")))")
    guard sources == 0 && bindings == 0 else {
      // Generic captures: metadata and witness tables lie in front of them, as many words as the descriptor does not reliably say.
      let type = ObjectType(
        kind: .closureContext, name: name, layout: .conservative, isOwn: captures.contains { isOwn($0) })
      return .type(type, minimum: max(16, UInt64(start)), maximum: .max)
    }
    return entry(name, captures, start: max(16, Int(start)))
  }

  /// A type of the program's own module; not a library's that has one for an argument.
  private func isOwn(_ capture: TypeNode?) -> Bool {
    switch capture {
    case .nominal(let reference, _)?: qualifiedName(reference).map { isOwn($0) } ?? false
    case .box(let types)?: types.contains { isOwn($0) }
    case .existential(let protocols, _, _)?: protocols.contains { qualifiedName($0).map { isOwn($0) } ?? false }
    case .reference(_, let type)?: isOwn(type)
    default: false
    }
  }

  private func captureName(_ node: TypeNode) -> String? {
    if case .box(let types) = node { return types.map { "var " + (name(of: $0) ?? "?") }.joined(separator: ", ") }
    return name(of: node)
  }

  private func entry(_ name: String, _ captures: [TypeNode?], start: Int) -> ObjectEntry {
    var members: [(String, Layout)] = []
    for (index, capture) in captures.enumerated() {
      guard let capture, let layout = layout(of: capture, depth: 0) else { break }
      // Captures have no names: the one at hand is told by its type.
      members.append((captures.count > 1 ? "capture \(index)" : "capture", layout))
    }
    guard members.count == captures.count,
      let layout = Layout.aggregate(members, from: start), layout.size <= Layout.listedSize
    else {
      let type = ObjectType(
        kind: .closureContext, name: name, layout: .conservative, isOwn: captures.contains { isOwn($0) })
      return .type(type, minimum: UInt64(start), maximum: .max)
    }
    let size = UInt64(layout.size)
    var slots = layout.slots
    // Boxes of variables without references share one description for all of one size and alignment: what the first of them was says
    // nothing about the others (swiftlang/swift lib/IRGen/GenHeap.cpp, `PODBoxTypeInfo`).
    if captures.count == 1, slots.allSatisfy({ $0.strength == .pointer || $0.strength == .number }) {
      slots.removeAll { $0.strength == .number }
      let known = Set(slots.map(\.offset))
      slots += Layout.ambiguousSlots(start..<layout.size).filter { !known.contains($0.offset) }
      slots.sort { $0.offset < $1.offset }
    }
    let type = ObjectType(
      kind: .closureContext, name: name, layout: .fixed(size: layout.size, slots: slots),
      isOwn: captures.contains { isOwn($0) })
    return .type(type, minimum: size, maximum: Self.largestBlock(for: size))
  }
}
