/// Layouts of values: from metadata where there is some, else computed the way the compiler does.
extension MetadataDecoder {
  /// nil where neither size nor content can be told.
  func layout(of node: TypeNode, depth: Int) -> Layout? {
    guard spend(depth: depth) else { return nil }
    switch node {
    case .metadata(let metadata): return layout(ofMetadata: metadata, depth: depth + 1)
    case .builtin(let name): return builtinLayout(name)
    case .nominal(let reference, let arguments): return nominalLayout(reference, arguments, depth: depth + 1)
    case .tuple(let elements):
      var members: [(String, Layout)] = []
      for (index, element) in elements.enumerated() {
        guard let member = layout(of: element.type, depth: depth + 1) else { return nil }
        members.append((element.label ?? String(index), member))
      }
      return .aggregate(members)
    case .function(let form, _, _):
      switch form.representation {
      case .thick:
        // The function, which is always there, and its context, which may be 0.
        return Layout(
          size: 16, alignment: 8, extraInhabitants: Layout.pointerInhabitants,
          slots: [.init(offset: 8, strength: .strong, typeName: name(of: node) ?? "closure")], present: [0])
      case .thin, .cFunction: return .word(nil, "")
      case .block: return .word(.pointer, name(of: node) ?? "block")
      }
    case .existential: return existentialLayout(node)
    case .metatype(let type, let isThin):
      if isThin { return .data(size: 0, alignment: 1) }
      var words = 1
      if case .existential(let protocols, _, _) = type { words += witnessTableCount(protocols) }
      return .data(size: 8 * words, alignment: 8, extraInhabitants: Layout.pointerInhabitants)
    case .reference(let ownership, let type): return referenceLayout(ownership, type, depth: depth + 1)
    case .box: return .word(.strong, name(of: node) ?? "box")
    case .fixedArray(let count, let element):
      guard case .integer(let count) = count, count >= 0, count <= Layout.slotLimit,
        let element = layout(of: element, depth: depth + 1)
      else { return nil }
      return fixedArray(count, element)
    case .parameter, .member, .integer, .pack, .packExpansion, .unresolved: return nil
    }
  }

  private func fixedArray(_ count: Int, _ element: Layout) -> Layout? {
    var element = element
    element.slots.removeAll { $0.strength == .number }
    let (size, overflow) = count.multipliedReportingOverflow(by: element.stride)
    guard !overflow, size <= Int(ValueWitnesses.sizeLimit), count * element.slots.count <= Layout.slotLimit else {
      return nil
    }
    let slots = (0..<count).flatMap { element.slots(at: $0 * element.stride, path: "[\($0)]") }
    return Layout(
      size: size, alignment: element.alignment, extraInhabitants: count > 0 ? element.extraInhabitants : 0,
      slots: slots, present: count > 0 ? element.present : [])
  }

  private func builtinLayout(_ name: String) -> Layout? {
    switch name {
    case "BridgeObject", "NativeObject", "UnknownObject": return .word(.strong, "AnyObject")
    case "RawPointer", "RawUnsafeContinuation", "Job": return .word(.pointer, name, extraInhabitants: 1)
    case "UnsafeValueBuffer": return Layout(size: 24, alignment: 8, slots: Layout.ambiguousSlots(0..<24))
    case "Executor", "ImplicitActor":
      return Layout(
        size: 16, alignment: 8, extraInhabitants: 1, slots: [.init(offset: 0, strength: .pointer, typeName: "Executor")]
      )
    // 12 words: job queue, status and, for a distributed actor, its identity (include/swift/ABI/MetadataValues.h).
    case "DefaultActorStorage", "NonDefaultDistributedActorStorage":
      return Layout(size: 96, alignment: 16, slots: Layout.ambiguousSlots(0..<96))
    case "Word", "Int64": return .word(.number, "integer", extraInhabitants: 0)
    case "Int1": return .data(size: 1, alignment: 1, extraInhabitants: 254)
    default: break
    }
    let digits = name.drop { !$0.isNumber }
    guard let bits = Int(digits), bits > 0, bits <= 4096 else { return nil }
    if name.hasPrefix("Int") || name.hasPrefix("FPIEEE") {
      // Sizes round up to a power of two, as LLVM stores them; 80-bit floats take 16 bytes.
      var size = 1
      while size * 8 < bits { size *= 2 }
      return .data(size: size, alignment: min(size, 16))
    }
    return nil
  }

  /// Weak and unowned references take the words of the reference that they wrap.
  private func referenceLayout(_ ownership: TypeNode.Ownership, _ type: TypeNode, depth: Int) -> Layout? {
    guard var layout = layout(of: type, depth: depth + 1), layout.size >= 8 else { return nil }
    let strength: ReferenceSlot.Strength =
      switch ownership {
      case .weak: .weak
      case .unowned: .unowned
      case .unmanaged: .pointer
      }
    layout.slots = [
      ReferenceSlot(offset: 0, strength: strength, typeName: layout.slots.first?.typeName ?? name(of: type) ?? "")
    ]
    // What is weak may be nil, and what is unmanaged anything.
    layout.present = []
    if ownership == .weak { layout.extraInhabitants = 0 }
    return layout
  }

  // MARK: Existentials

  private func witnessTableCount(_ protocols: [NominalReference]) -> Int {
    protocols.reduce(0) { count, reference in
      // Objective-C protocols, the only ones without a table, do not exist here; marker protocols are not mangled.
      if case .named(_, "Swift", ["Sendable"]) = reference { count } else { count + 1 }
    }
  }

  private func existentialLayout(_ node: TypeNode) -> Layout? {
    guard case .existential(let protocols, let superclass, let isClassBound) = node else { return nil }
    let text = name(of: node) ?? "Any"
    if protocols.count == 1, superclass == nil, isErrorProtocol(protocols[0]) { return .word(.strong, text) }
    let tables = 8 * witnessTableCount(protocols)
    if isClassBound || superclass != nil || protocols.contains(where: { self.isClassBound($0) }) {
      return Layout(
        size: 8 + tables, alignment: 8, extraInhabitants: Layout.pointerInhabitants,
        slots: [.init(offset: 0, strength: .strong, typeName: text)], present: [0])
    }
    // A buffer, then the value's type.
    return Layout(
      size: 32 + tables, alignment: 8, extraInhabitants: Layout.pointerInhabitants,
      slots: Layout.ambiguousSlots(0..<24, typeName: text), present: [24])
  }

  private func isErrorProtocol(_ reference: NominalReference) -> Bool {
    qualifiedName(reference)?.standardName == "Error"
  }

  /// Protocol descriptor flags, bit 16: clear where only classes conform.
  private func isClassBound(_ reference: NominalReference) -> Bool {
    switch reference {
    case .descriptor(let address): descriptor(at: address).map { $0.flags & 1 << 16 == 0 } ?? false
    case .named(_, let module, let path): module == "_Concurrency" && path == ["Actor"]
    }
  }
}
