/// Operators that combine what is on the stack.
extension MangledTypeParser {
  mutating func popType() -> TypeNode? {
    guard case .type(let type)? = stack.last else { return nil }
    stack.removeLast()
    return type
  }

  private mutating func popIdentifier() -> String? {
    guard case .identifier(let name)? = stack.last else { return nil }
    stack.removeLast()
    return name
  }

  mutating func popEmptyList() -> Bool {
    guard case .emptyList? = stack.last else { return false }
    stack.removeLast()
    return true
  }

  mutating func popFirstElement() -> Bool {
    guard case .firstElement? = stack.last else { return false }
    stack.removeLast()
    return true
  }

  /// What ends with its first element, or is empty; in the order of the source.
  mutating func popList<Element>(_ pop: (inout Self) -> Element?) -> [Element]? {
    if popEmptyList() { return [] }
    return popElements(pop)
  }

  /// The same where there is at least one.
  private mutating func popElements<Element>(_ pop: (inout Self) -> Element?) -> [Element]? {
    var elements: [Element] = []
    var isFirst = false
    while !isFirst {
      isFirst = popFirstElement()
      guard let element = pop(&self) else { return nil }
      elements.append(element)
    }
    return elements.reversed()
  }

  /// Module and outer types of a declaration.
  private mutating func popContext() -> (module: String, path: [String])? {
    switch stack.popLast() {
    case .identifier(let name)?, .module(let name)?: return (name, [])
    case .type(.nominal(.named(_, let module, let path), _))?: return (module, path)
    default: return nil
    }
  }

  mutating func nominal(_ kind: NominalKind) -> Node? {
    guard let name = popIdentifier(), let context = popContext() else { return nil }
    let reference = NominalReference.named(kind: kind, module: context.module, path: context.path + [name])
    if kind == .structure || kind == .enumeration { spell(context.module, context.path + [name]) }
    let node = Node.type(
      kind == .protocol
        ? .existential(protocols: [reference], superclass: nil, isClassBound: false)
        : .nominal(reference, arguments: []))
    substitutions.append(node)
    return node
  }

  /// An extension's members belong to the extended type.
  mutating func extensionContext() -> Node? {
    switch stack.popLast() {
    case .identifier?, .module?: break
    default: return nil
    }
    return popType().map { .type($0) }
  }

  mutating func localName() -> Node? {
    if nextIf("L") {
      guard popIdentifier() != nil, let name = popIdentifier() else { return nil }
      return .identifier(name)
    }
    if nextIf("l") {
      guard popIdentifier() != nil else { return nil }
      return .identifier("(private)")
    }
    guard index() != nil, let name = popIdentifier() else { return nil }
    return .identifier(name)
  }

  mutating func boundGeneric() -> Node? {
    while popConformance() != nil {}
    var levels: [[TypeNode]] = []
    while true {
      var level: [TypeNode] = []
      while let type = popType() { level.append(type) }
      levels.append(level.reversed())
      if popEmptyList() { break }
      guard popFirstElement() else { return nil }
    }
    guard case .nominal(let reference, _)? = popType() else { return nil }
    // The innermost type's arguments were popped first.
    let node = Node.type(.nominal(reference, arguments: levels.reversed().flatMap { $0 }))
    substitutions.append(node)
    return node
  }

  mutating func tuple() -> Node? {
    popList { parser in
      if case .variadic? = parser.stack.last { parser.stack.removeLast() }
      let label = parser.popIdentifier()
      return parser.popType().map { TypeNode.TupleElement(label: label, type: $0) }
    }.map { .type(.tuple($0)) }
  }

  private mutating func popTypeList() -> [TypeNode]? { popList { $0.popType() } }

  mutating func function(_ form: TypeNode.FunctionForm) -> Node? {
    var form = form
    while case .annotation(let annotation)? = stack.last {
      stack.removeLast()
      switch annotation {
      case .throwing: form.isThrowing = true
      case .async: form.isAsync = true
      case .other: break
      }
    }
    var parameters: [TypeNode] = []
    if !popEmptyList() {
      guard let type = popType() else { return nil }
      if case .tuple(let elements) = type { parameters = elements.map(\.type) } else { parameters = [type] }
    }
    if popEmptyList() { return .type(.function(form, parameters: parameters, result: .tuple([]))) }
    guard let result = popType() else { return nil }
    return .type(.function(form, parameters: parameters, result: result))
  }

  mutating func typeAnnotation() -> Node? {
    switch Character(UnicodeScalar(next())) {
    case "a": return .annotation(.async)
    case "b", "A", "C", "T": return .annotation(.other)
    case "j":
      _ = next()
      return .annotation(.other)
    case "c": return popType().map { _ in .annotation(.other) }
    case "K": return popType().map { _ in .annotation(.throwing) }
    case "i", "k", "t", "u": return popType().map { .type($0) }
    default: return nil
    }
  }

  mutating func special() -> Node? {
    switch Character(UnicodeScalar(next())) {
    case "A", "E", "K", "O": return function(.init(isEscaping: true))
    case "f": return function(.init(representation: .thin))
    case "C": return function(.init(representation: .cFunction))
    case "B", "L": return function(.init(representation: .block))
    case "z":
      let isBlock = nextIf("B")
      guard isBlock || nextIf("C"), let length = natural(), position + length <= text.bytes.count else { return nil }
      position += length
      return function(.init(representation: isBlock ? .block : .cFunction))
    case "b": return popType().map { .type(.box([$0])) }
    case "x": return popTypeList().map { .type(.box($0)) }
    case "X":
      guard case .signature? = stack.popLast(), popTypeList() != nil else { return nil }
      return popTypeList().map { .type(.box($0)) }
    case "o": return popType().map { .type(.reference(.unowned, $0)) }
    case "u": return popType().map { .type(.reference(.unmanaged, $0)) }
    case "w": return popType().map { .type(.reference(.weak, $0)) }
    case "D": return popType().map { .type($0) }
    case "M":
      let isThin = next() == Character("t").asciiValue
      return popType().map { .type(.metatype($0, isThin: isThin)) }
    case "m":
      _ = next()
      return popType().map { .type(.metatype($0, isThin: false)) }
    case "p": return popType().map { .type(.metatype($0, isThin: false)) }
    case "c":
      guard let superclass = popType() else { return nil }
      return existential(superclass: superclass, isClassBound: true)
    case "l": return existential(superclass: nil, isClassBound: true)
    case "j":
      while popType() != nil {}
      guard case .extendedShape? = stack.popLast() else { return nil }
      return .type(.unresolved("any constrained existential"))
    default: return nil
    }
  }

  mutating func existential(superclass: TypeNode?, isClassBound: Bool) -> Node? {
    popList { $0.popProtocol() }.map {
      .type(.existential(protocols: $0, superclass: superclass, isClassBound: isClassBound))
    }
  }

  mutating func popProtocol() -> NominalReference? {
    if case .type(let type)? = stack.last {
      stack.removeLast()
      switch type {
      case .existential(let protocols, nil, false) where protocols.count == 1: return protocols[0]
      case .nominal(let reference, _): return reference
      default: return nil
      }
    }
    guard let name = popIdentifier(), let context = popContext() else { return nil }
    return .named(kind: .protocol, module: context.module, path: context.path + [name])
  }

  mutating func popConformance() -> Node? {
    guard case .conformance? = stack.last else { return nil }
    return stack.popLast()
  }

  /// Conformances only accompany generic arguments; their content does not matter for layout.
  mutating func conformance() -> Node? {
    switch Character(UnicodeScalar(next())) {
    case "P", "p": return popProtocol().map { _ in .conformance }
    case "C":
      guard popList({ $0.popConformance() }) != nil else { return nil }
      if popConformance() == nil {
        guard popContext() != nil, popProtocol() != nil else { return nil }
      }
      return popType().map { _ in .conformance }
    case "D":
      guard index() != nil, popProtocol() != nil else { return nil }
      return popType().map { _ in .conformance }
    default: return nil
    }
  }

  mutating func genericParameter() -> TypeNode? {
    if nextIf("d") {
      guard let depth = index(), let index = index() else { return nil }
      return .parameter(depth: depth + 1, index: index)
    }
    if nextIf("z") || nextIf("s") { return .parameter(depth: 0, index: 0) }
    return index().map { .parameter(depth: 0, index: $0 + 1) }
  }

  mutating func popAssociatedName() -> String? {
    if case .type? = stack.last, popProtocol() == nil { return nil }
    return popIdentifier()
  }

  mutating func archetype() -> Node? {
    func remember(_ type: TypeNode?) -> Node? {
      guard let type else { return nil }
      substitutions.append(.type(type))
      return .type(type)
    }
    switch Character(UnicodeScalar(next())) {
    case "a":
      guard let name = popIdentifier(), let base = popType() else { return nil }
      return remember(.member(base: base, name: name))
    case "z":
      return remember(popAssociatedName().map { .member(base: .parameter(depth: 0, index: 0), name: $0) })
    case "y":
      guard let base = genericParameter() else { return nil }
      return remember(popAssociatedName().map { .member(base: base, name: $0) })
    case "Z": return remember(member(of: .parameter(depth: 0, index: 0)))
    case "Y":
      guard let base = genericParameter() else { return nil }
      return remember(member(of: base))
    case "x":
      guard let name = popAssociatedName(), let base = popType() else { return nil }
      return remember(.member(base: base, name: name))
    case "X": return remember(member(of: nil))
    case "p":
      guard popType() != nil, let pattern = popType() else { return nil }
      return .type(.packExpansion(pattern))
    case "P": return popTypeList().map { .type(.pack($0)) }
    case "o":
      guard index() != nil, skipBoundGenerics() else { return nil }
      return stack.popLast().flatMap { _ in remember(.unresolved("some")) }
    default: return nil
    }
  }

  mutating func member(of base: TypeNode?) -> TypeNode? {
    guard let names = popElements({ $0.popAssociatedName() }), var type = base ?? popType() else { return nil }
    for name in names { type = .member(base: type, name: name) }
    return type
  }
}
