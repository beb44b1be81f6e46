/// Generic parameters' values in one instance of a type, flattened over its outer types.
struct GenericEnvironment: Sendable {
  /// Parameters at each depth, outermost first.
  var levels: [Int]
  /// One a parameter, outermost first; nil where metadata does not hold it.
  var arguments: [TypeNode?]

  func argument(depth: Int, index: Int) -> TypeNode? {
    guard depth < levels.count, index < levels[depth] else { return nil }
    let position = levels[..<depth].reduce(0, +) + index
    return position < arguments.count ? arguments[position] : nil
  }
}

extension MetadataDecoder {
  /// Parameters that each generic context around and including `descriptor` adds, outermost first.
  func parameterLevels(_ descriptor: ContextDescriptor) -> [Int] {
    var counts: [Int] = []
    var current: ContextDescriptor? = descriptor
    while let context = current, counts.count < 32 {
      if let signature = GenericSignature(of: context, in: memory) { counts.append(signature.parameters.count) }
      current = context.parent.flatMap { self.descriptor(at: $0) }
    }
    var levels: [Int] = []
    var total = 0
    for count in counts.reversed() where count > total {
      levels.append(count - total)
      total = count
    }
    return levels
  }

  /// Address of the first generic argument of a class, struct or enum's metadata.
  private func argumentsAddress(_ metadata: UInt64, _ descriptor: ContextDescriptor) -> UInt64? {
    guard descriptor.kind == .class else { return metadata &+ 16 }
    guard let offset = immediateMembersOffset(descriptor) else { return nil }
    return metadata &+ UInt64(bitPattern: Int64(offset))
  }

  /// Bytes from a class's metadata to the members that the class itself adds.
  func immediateMembersOffset(_ descriptor: ContextDescriptor) -> Int? {
    let address = descriptor.address
    if descriptor.hasResilientSuperclass {
      guard let bounds = memory.relative(address &+ 24), let offset = memory.word(bounds) else { return nil }
      let value = Int64(bitPattern: offset)
      return abs(value) < 1 << 20 ? Int(value) : nil
    }
    if descriptor.hasNegativeImmediateMembers {
      guard let words = memory.half(address &+ 24), words < 1 << 16 else { return nil }
      return -8 * Int(words)
    }
    guard let positive = memory.half(address &+ 28), let members = memory.half(address &+ 32), positive < 1 << 16,
      members <= positive
    else { return nil }
    return 8 * Int(positive - members)
  }

  /// The generic arguments that metadata holds; an empty environment for a type that is not generic.
  func environment(ofMetadata metadata: UInt64, _ descriptor: ContextDescriptor) -> GenericEnvironment {
    guard let signature = GenericSignature(of: descriptor, in: memory),
      let start = argumentsAddress(metadata, descriptor)
    else { return GenericEnvironment(levels: [], arguments: []) }
    var arguments: [TypeNode?] = []
    var packIndex = 0
    var slot = UInt64(signature.packShapes.isEmpty ? 0 : signature.shapeCount)
    for parameter in signature.parameters {
      guard parameter.isKey else {
        arguments.append(nil)
        continue
      }
      let word = memory.word(start &+ 8 &* slot)
      slot += 1
      switch parameter.kind {
      case .type: arguments.append(word.map { .metadata($0) })
      case .value: arguments.append(word.map { .integer(Int(truncatingIfNeeded: $0)) })
      case .pack:
        arguments.append(
          word.flatMap { pack(at: $0, shape: shape(packIndex, signature), in: start) })
        packIndex += 1
      }
    }
    return GenericEnvironment(levels: parameterLevels(descriptor), arguments: arguments)
  }

  private func shape(_ index: Int, _ signature: GenericSignature) -> UInt64 {
    index < signature.packShapes.count ? UInt64(signature.packShapes[index]) : 0
  }

  /// A pack is an array of metadata pointers; its length stands among the shape words.
  private func pack(at pointer: UInt64, shape: UInt64, in start: UInt64) -> TypeNode? {
    guard let count = memory.word(start &+ 8 &* shape), count <= 64 else { return nil }
    var elements: [TypeNode] = []
    for index in 0..<count {
      guard let metadata = memory.word((pointer & ~1) &+ 8 &* index) else { return nil }
      elements.append(.metadata(metadata))
    }
    return .pack(elements)
  }

  /// `node` with generic parameters replaced by arguments where they are known.
  func substitute(_ node: TypeNode, _ environment: GenericEnvironment, depth: Int = 0) -> TypeNode {
    guard spend(depth: depth) else { return .unresolved("?") }
    func inner(_ node: TypeNode) -> TypeNode { substitute(node, environment, depth: depth + 1) }
    switch node {
    case .metadata, .builtin, .integer, .unresolved: return node
    case .parameter(let level, let index):
      return environment.argument(depth: level, index: index) ?? node
    case .nominal(let reference, let arguments):
      return arguments.isEmpty ? node : .nominal(reference, arguments: arguments.map(inner))
    case .tuple(let elements):
      return .tuple(elements.map { .init(label: $0.label, type: inner($0.type)) })
    case .function(let form, let parameters, let result):
      return .function(form, parameters: parameters.map(inner), result: inner(result))
    case .existential(let protocols, let superclass, let isClassBound):
      return .existential(protocols: protocols, superclass: superclass.map(inner), isClassBound: isClassBound)
    case .metatype(let type, let isThin): return .metatype(inner(type), isThin: isThin)
    case .member(let base, let name): return .member(base: inner(base), name: name)
    case .reference(let ownership, let type): return .reference(ownership, inner(type))
    case .box(let types): return .box(types.map(inner))
    case .fixedArray(let count, let element): return .fixedArray(count: inner(count), element: inner(element))
    case .pack(let types): return .pack(types.map(inner))
    case .packExpansion(let pattern): return .packExpansion(inner(pattern))
    }
  }
}
