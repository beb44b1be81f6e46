/// Lowered function types and generic signatures: they occur in closures' captures.
extension MangledTypeParser {
  /// `types I attributes conventions _`: a function as SIL sees it.
  mutating func loweredFunction() -> Node? {
    if nextIf("s") {
      guard skipBoundGenerics(), case .signature? = stack.popLast() else { return nil }
    }
    if nextIf("I") {
      guard skipBoundGenerics() else { return nil }
    }
    var form = TypeNode.FunctionForm()
    if case .signature? = stack.last {
      stack.removeLast()
      _ = nextIf("P")
    }
    form.isEscaping = nextIf("e")
    _ = nextIf("A")
    _ = nextIf("N")
    _ = nextIf("O")
    for kind: Character in ["d", "l", "f", "r"] where nextIf(kind) { break }
    switch Character(UnicodeScalar(next())) {
    case "y", "g", "x": break
    case "t": form.representation = .thin
    default: return nil
    }
    switch Character(UnicodeScalar(peek())) {
    case "B":
      position += 1
      form.representation = .block
    case "C":
      position += 1
      form.representation = .cFunction
    case "z":
      position += 1
      form.representation = next() == UInt8(ascii: "B") ? .block : .cFunction
      guard let length = natural(), position + length <= text.bytes.count else { return nil }
      position += length
    case "M", "J", "K", "O", "W":
      position += 1
      form.representation = .thin
    default: break
    }
    for kind: Character in ["A", "I", "G"] where nextIf(kind) { break }
    _ = nextIf("h")
    form.isAsync = nextIf("H")
    _ = nextIf("T")
    return finishLoweredFunction(form)
  }

  private mutating func finishLoweredFunction(_ form: TypeNode.FunctionForm) -> Node? {
    var form = form
    var parameterCount = 0
    while nextIf(oneOf: "iclbnXxygevpm") {
      parameterCount += 1
      while nextIf(oneOf: "wTIL") {}
    }
    var resultCount = 0
    while nextIf(oneOf: "rodulakgm") {
      resultCount += 1
      _ = nextIf("w")
    }
    var yieldCount = 0
    while nextIf("Y") {
      guard nextIf(oneOf: "iclbnXxygevpm") else { return nil }
      yieldCount += 1
    }
    if nextIf("z") {
      guard nextIf(oneOf: "rodulakgm") else { return nil }
      _ = nextIf("w")
      form.isThrowing = true
    }
    guard nextIf("_") else { return nil }
    if form.isThrowing, popType() == nil { return nil }
    for _ in 0..<yieldCount where popType() == nil { return nil }
    var results: [TypeNode.TupleElement] = []
    for _ in 0..<resultCount {
      guard let type = popType() else { return nil }
      results.append(.init(label: nil, type: type))
    }
    var parameters: [TypeNode] = []
    for _ in 0..<parameterCount {
      guard let type = popType() else { return nil }
      parameters.append(type)
    }
    let result = results.count == 1 ? results[0].type : .tuple(results.reversed())
    return .type(.function(form, parameters: parameters.reversed(), result: result))
  }

  private mutating func nextIf(oneOf characters: String) -> Bool {
    let byte = peek()
    guard byte != 0, characters.utf8.contains(byte) else { return false }
    position += 1
    return true
  }

  mutating func skipBoundGenerics() -> Bool {
    while popConformance() != nil {}
    while true {
      while popType() != nil {}
      if popEmptyList() { return true }
      guard popFirstElement() else { return false }
    }
  }

  // MARK: Generic signatures

  /// `R`: one requirement; what it says does not matter for layout, only what it takes from the stack.
  mutating func requirement() -> Node? {
    enum Subject { case parameter, member, path, substitution }
    enum Constraint { case proto, type, layout, marker, inverse }
    var subject = Subject.parameter
    var constraint = Constraint.proto
    switch Character(UnicodeScalar(next())) {
    case "V", "b", "s", "h": constraint = .type
    case "v": constraint = .marker
    case "c", "t": (subject, constraint) = (.member, .type)
    case "C", "T": (subject, constraint) = (.path, .type)
    case "B", "S": (subject, constraint) = (.substitution, .type)
    case "m": (subject, constraint) = (.member, .layout)
    case "M": (subject, constraint) = (.path, .layout)
    case "l": constraint = .layout
    case "L": (subject, constraint) = (.substitution, .layout)
    case "p": subject = .member
    case "P": subject = .path
    case "Q": subject = .substitution
    case "i": constraint = .inverse
    case "I": (subject, constraint) = (.substitution, .inverse)
    case "j": (subject, constraint) = (.member, .inverse)
    case "J": (subject, constraint) = (.path, .inverse)
    default: position -= 1
    }
    if constraint == .inverse, index() == nil { return nil }
    switch subject {
    case .parameter: guard genericParameter() != nil else { return nil }
    case .member:
      guard let base = genericParameter(), let name = popAssociatedName() else { return nil }
      substitutions.append(.type(.member(base: base, name: name)))
    case .path:
      guard let base = genericParameter(), let type = member(of: base) else { return nil }
      substitutions.append(.type(type))
    case .substitution: guard popType() != nil else { return nil }
    }
    switch constraint {
    case .proto: guard popProtocol() != nil else { return nil }
    case .type: guard popType() != nil else { return nil }
    case .marker, .inverse: break
    case .layout:
      switch Character(UnicodeScalar(next())) {
      case "U", "R", "N", "C", "D", "T", "B", "S": break
      case "e", "m": guard index() != nil else { return nil }
      case "E", "M": guard index() != nil, index() != nil else { return nil }
      default: return nil
      }
    }
    return .requirement
  }

  mutating func signature(hasCounts: Bool) -> Node? {
    if hasCounts {
      while !nextIf("l") {
        if !nextIf("z"), index() == nil { return nil }
      }
    }
    while case .requirement? = stack.last { stack.removeLast() }
    return .signature
  }
}
