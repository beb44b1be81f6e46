/// Enums, the way the compiler and `swift_initEnumMetadata…` lay them out.
extension MetadataDecoder {
  /// Layouts of the cases that carry a value; nil if one of them is unknown.
  func payloads(_ descriptor: ContextDescriptor, _ environment: GenericEnvironment, depth: Int) -> [Layout]? {
    guard let records = fields(descriptor) else { return nil }
    var result: [Layout] = []
    func named(_ payload: Layout, _ name: String) -> Layout {
      var payload = payload
      payload.slots = payload.slots(at: 0, path: name)
      return payload
    }
    for record in records where record.hasType {
      if record.isIndirect {
        // The box's content is the case's payload.
        let box = Layout.word(.strong, record.type.flatMap { name(of: $0) }.map { "box of \($0)" } ?? "box")
        result.append(named(box, record.name))
        continue
      }
      guard let type = record.type, let payload = layout(of: substitute(type, environment), depth: depth + 1) else {
        return nil
      }
      result.append(named(payload, record.name))
    }
    return result
  }

  /// An enum of which no metadata is at hand; nil where the layout would need the compiler's spare bits.
  func computedEnumeration(_ descriptor: ContextDescriptor, _ environment: GenericEnvironment, depth: Int) -> Layout? {
    guard let records = fields(descriptor), let payloads = payloads(descriptor, environment, depth: depth + 1) else {
      return nil
    }
    let emptyCases = records.count - payloads.count
    switch payloads.count {
    case 0: return Self.withoutPayload(cases: emptyCases)
    case 1: return singlePayload(payloads[0], emptyCases: emptyCases)
    default:
      // Only where a payload's size depends on a generic parameter does the run time lay it out, without spare bits.
      guard isLaidOutAtRunTime(records) else {
        return masks[descriptor.address].flatMap {
          multiPayload(payloads, emptyCases: emptyCases, name: descriptor.name, mask: $0)
        }
      }
      return multiPayload(payloads, emptyCases: emptyCases, name: descriptor.name)
    }
  }

  /// The size of a payload depends on a generic parameter.
  private func isLaidOutAtRunTime(_ records: [FieldRecord]) -> Bool {
    records.contains { !$0.isIndirect && $0.type.map { sizeDependsOnParameter($0) } ?? false }
  }

  /// How a value of an enum with several payloads says which case it is; nil where that cannot be told, or is nobody's business.
  func tag(of descriptor: ContextDescriptor, _ payloads: [Layout], size: Int) -> EnumTag? {
    guard payloads.count > 1, let records = fields(descriptor) else { return nil }
    // Representations of Foundation's types are its own.
    guard qualifiedName(descriptor)?.module.hasPrefix("Foundation") != true else { return nil }
    let isRunTime = isLaidOutAtRunTime(records)
    // Payloads without bytes count as empty cases, and would shift the numbers; whoever has them is not decoded.
    guard isRunTime || payloads.allSatisfy({ $0.size > 0 }) else { return nil }
    guard let mask = isRunTime ? [] : masks[descriptor.address], let largest = payloads.map(\.size).max() else {
      return nil
    }
    let tag = EnumTag(
      mask: mask, payloadSize: largest, payloads: payloads.count, emptyCases: records.count - payloads.count)
    // What the compiler laid out differently is not believed.
    return tag.extra.upperBound == size ? tag : nil
  }

  private static func withoutPayload(cases: Int) -> Layout {
    if cases <= 1 { return .data(size: 0, alignment: 1) }
    let size = cases <= 1 << 8 ? 1 : cases <= 1 << 16 ? 2 : 4
    let patterns = size == 4 ? Int(Int32.max) : 1 << (8 * size)
    return .data(size: size, alignment: size, extraInhabitants: max(0, patterns - cases))
  }

  func singlePayload(_ payload: Layout, emptyCases: Int) -> Layout {
    var result = payload
    result.present = []
    if payload.extraInhabitants >= emptyCases {
      result.extraInhabitants -= emptyCases
      if emptyCases > 0 { result.slots = payload.slotsIfPresent }
    } else {
      result.size += Self.tagBytes(
        payloadSize: payload.size, emptyCases: emptyCases - payload.extraInhabitants, tags: 1)
      result.extraInhabitants = 0
    }
    result.stride = max(1, Layout.round(result.size, to: result.alignment))
    return result
  }

  /// As the compiler lays it out, of which only the free bits are written down.
  private func multiPayload(_ payloads: [Layout], emptyCases: Int, name: String, mask: [UInt8]) -> Layout? {
    guard payloads.allSatisfy({ $0.size > 0 }), let size = payloads.map(\.size).max() else { return nil }
    let tag = EnumTag(mask: mask, payloadSize: size, payloads: payloads.count, emptyCases: emptyCases)
    let free = min(20, mask.reduce(8 * tag.extra.count) { $0 + $1.nonzeroBitCount })
    return Layout(
      size: tag.extra.upperBound, alignment: payloads.map(\.alignment).max() ?? 1,
      extraInhabitants: max(0, 1 << free - payloads.count - emptyCases),
      slots: Layout.union(payloads, name: name, tag: tag))
  }

  private func multiPayload(_ payloads: [Layout], emptyCases: Int, name: String) -> Layout {
    let size = payloads.map(\.size).max() ?? 0
    let tag = Self.tagBytes(payloadSize: size, emptyCases: emptyCases, tags: payloads.count)
    let total = size + tag
    let alignment = payloads.map(\.alignment).max() ?? 1
    let choice = EnumTag(mask: [], payloadSize: size, payloads: payloads.count, emptyCases: emptyCases)
    return Layout(
      size: total, alignment: alignment,
      slots: Layout.union(payloads, name: name, tag: choice.extra.count == tag ? choice : nil))
  }

  /// Bytes behind the payload that tell the cases apart.
  private static func tagBytes(payloadSize: Int, emptyCases: Int, tags: Int) -> Int {
    var tags = tags
    if emptyCases > 0 {
      if payloadSize >= 4 {
        tags += 1
      } else {
        let perTag = 1 << (8 * payloadSize)
        tags += (emptyCases + perTag - 1) / perTag
      }
    }
    return tags <= 1 ? 0 : tags < 1 << 8 ? 1 : tags < 1 << 16 ? 2 : 4
  }

  /// The size of the type changes with a generic argument.
  private func sizeDependsOnParameter(_ node: TypeNode, depth: Int = 0) -> Bool {
    guard depth < 32 else { return true }
    func inner(_ node: TypeNode) -> Bool { sizeDependsOnParameter(node, depth: depth + 1) }
    switch node {
    case .parameter, .member, .packExpansion: return true
    case .tuple(let elements): return elements.contains { inner($0.type) }
    case .pack(let types): return types.contains(where: inner)
    case .fixedArray(let count, let element): return inner(count) || inner(element)
    case .nominal(let reference, let arguments):
      guard arguments.contains(where: inner) else { return false }
      return sizeDependsOnArguments(reference, arguments, depth: depth + 1)
    default: return false
    }
  }

  /// Of a type with arguments that themselves change in size: a reference to a class does not, a struct does if a field does.
  private func sizeDependsOnArguments(_ reference: NominalReference, _ arguments: [TypeNode], depth: Int) -> Bool {
    let qualified = qualifiedName(reference)
    if qualified?.module == "Swift", let name = qualified?.path.last?.name, Self.oneWordTypes.contains(name) {
      return false
    }
    guard spend(depth: depth) else { return true }
    switch reference {
    case .named(.class, _, _): return false
    case .named(let kind, let module, let path):
      guard let address = spelledDescriptor(kind, module, path) else { return true }
      return sizeDependsOnArguments(.descriptor(address), arguments, depth: depth + 1)
    case .descriptor(let address):
      guard let descriptor = descriptor(at: address) else { return true }
      if descriptor.kind == .class { return false }
      guard let records = fields(descriptor), !records.isEmpty else { return true }
      let environment = GenericEnvironment(levels: parameterLevels(descriptor), arguments: arguments)
      return records.contains { record in
        guard !record.isIndirect, record.hasType else { return false }
        return record.type.map { sizeDependsOnParameter(substitute($0, environment), depth: depth + 1) } ?? true
      }
    }
  }

  /// Generic types of the standard library that are one pointer whatever their arguments are.
  private static let oneWordTypes: Set<String> = [
    "Array", "ContiguousArray", "Dictionary", "Set", "UnsafePointer", "UnsafeMutablePointer", "Unmanaged",
  ]
}
