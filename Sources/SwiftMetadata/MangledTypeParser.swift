/// Parses the mangled type strings of reflection metadata, symbolic references included.
///
/// Covers the operators that occur in field, capture and superclass types; anything else makes the whole string nil and the
/// caller treats the memory as unknown. Linear in the string's length. Grammar: docs/ABI/Mangling.rst of Swift 6.3.
struct MangledTypeParser {
  enum Node {
    case identifier(String)
    case module(String)
    case type(TypeNode)
    case emptyList
    case firstElement
    case variadic
    case annotation(Annotation)
    case conformance
    case extendedShape
    case requirement
    case signature
  }

  enum Annotation { case throwing, async, other }

  /// What a symbolic reference of a kind (1 or 2: context descriptor, 10 and 11: existential shape; already dereferenced where
  /// indirect) stands for.
  typealias Resolver = (_ kind: UInt8, _ target: UInt64) -> Node?

  let text: MangledText
  let resolve: Resolver
  var position = 0
  var stack: [Node] = []
  var substitutions: [Node] = []
  var words: [[UInt8]] = []
  /// Where in the text each element of the stack begins.
  private var begins: [Int] = []

  /// How a struct or an enum was spelled that the string names in full.
  struct Spelling {
    /// `module.Outer.Inner`.
    var name: String
    var mangled: ArraySlice<UInt8>

    static func name(_ module: String, _ path: [String]) -> String { ([module] + path).joined(separator: ".") }
  }
  private(set) var spellings: [Spelling] = []

  /// Nodes that one string may push. Real ones stay below a hundred.
  private static let nodeLimit = 2048

  init(_ text: MangledText, resolve: @escaping Resolver) {
    self.text = text
    self.resolve = resolve
  }

  /// The type that the whole string spells.
  mutating func parse() -> TypeNode? {
    while position < text.bytes.count {
      let begin = position
      guard stack.count < Self.nodeLimit, substitutions.count < Self.nodeLimit, let node = parseOperator() else {
        return nil
      }
      // An operator begins where the first of those that it combines does.
      let first = stack.count < begins.count ? begins[stack.count] : begin
      begins.removeLast(max(0, begins.count - stack.count))
      while begins.count < stack.count { begins.append(begin) }
      begins.append(first)
      stack.append(node)
    }
    // The string of a field in a generic type may begin with what is required of the arguments.
    if stack.count == 2, case .signature = stack[0] { stack.removeFirst() }
    guard stack.count == 1, case .type(let type) = stack[0] else { return nil }
    return type
  }

  /// Notes the text from the module on that names the type whose parts were just taken off the stack.
  mutating func spell(_ module: String, _ path: [String]) {
    guard stack.count < begins.count else { return }
    spellings.append(
      Spelling(name: Spelling.name(module, path), mangled: text.bytes[begins[stack.count]..<position]))
  }

  // MARK: Characters

  func peek() -> UInt8 { position < text.bytes.count ? text.bytes[position] : 0 }

  mutating func next() -> UInt8 {
    let byte = peek()
    if position < text.bytes.count { position += 1 }
    return byte
  }

  mutating func nextIf(_ character: Character) -> Bool {
    guard peek() == character.asciiValue else { return false }
    position += 1
    return true
  }

  mutating func natural() -> Int? {
    var value = 0
    let start = position
    while peek() >= 0x30, peek() <= 0x39 {
      value = value * 10 + Int(next() - 0x30)
      if value > 1 << 24 { return nil }
    }
    return position == start ? nil : value
  }

  /// `_` is 0, `n_` is n + 1.
  mutating func index() -> Int? {
    if nextIf("_") { return 0 }
    guard let number = natural(), nextIf("_") else { return nil }
    return number + 1
  }

  // MARK: Operators

  private mutating func parseOperator() -> Node? {
    let byte = next()
    switch byte {
    case 0xff: return position < text.bytes.count ? parseOperator() : nil
    case 1...0x0b: return symbolicReference(byte)
    case 0x30...0x39:
      position -= 1
      return identifier()
    default: break
    }
    switch Character(UnicodeScalar(byte)) {
    case "A": return multiSubstitution()
    case "B": return builtin()
    case "C": return nominal(.class)
    case "O": return nominal(.enumeration)
    case "V": return nominal(.structure)
    case "P": return nominal(.protocol)
    case "a": return nominal(.alias)
    case "E": return extensionContext()
    case "G": return boundGeneric()
    case "H": return conformance()
    case "I": return loweredFunction()
    case "K": return .annotation(.throwing)
    case "L": return localName()
    case "Q": return archetype()
    case "R": return requirement()
    case "S": return standardSubstitution()
    case "X": return special()
    case "Y": return typeAnnotation()
    case "c": return function(.init())
    case "d": return .variadic
    case "g":
      guard index() != nil, case .conformance? = stack.popLast() else { return nil }
      return .conformance
    case "h", "n", "z": return popType().map { .type($0) }
    case "l": return signature(hasCounts: false)
    case "m": return popType().map { .type(.metatype($0, isThin: false)) }
    case "p": return existential(superclass: nil, isClassBound: false)
    case "q": return genericParameter().map { .type($0) }
    case "r": return signature(hasCounts: true)
    case "s": return .module("Swift")
    case "t": return tuple()
    case "x": return .type(.parameter(depth: 0, index: 0))
    case "y": return .emptyList
    case "_": return .firstElement
    case "$":
      let isNegative = nextIf("n")
      return index().map { .type(.integer(isNegative ? -$0 : $0)) }
    default: return nil
    }
  }

  private mutating func symbolicReference(_ kind: UInt8) -> Node? {
    guard position + 4 <= text.bytes.count else { return nil }
    var offset: UInt32 = 0
    for shift in 0..<4 { offset |= UInt32(text.bytes[position + shift]) << UInt32(8 * shift) }
    let at = text.address &+ UInt64(position)
    position += 4
    let target = at &+ UInt64(bitPattern: Int64(Int32(bitPattern: offset)))
    guard let node = resolve(kind, target) else { return nil }
    if kind <= 2, case .type(let type) = node {
      if case .unresolved = type { return node }
      substitutions.append(node)
    }
    return node
  }

  private mutating func multiSubstitution() -> Node? {
    var repeatCount = -1
    while position < text.bytes.count {
      let byte = next()
      switch byte {
      case 0x61...0x7a:
        guard let node = pushSubstitution(Int(byte - 0x61), repeatCount) else { return nil }
        stack.append(node)
        repeatCount = -1
      case 0x41...0x5a: return pushSubstitution(Int(byte - 0x41), repeatCount)
      case 0x5f:
        let index = repeatCount + 27
        return index < substitutions.count && index >= 0 ? substitutions[index] : nil
      default:
        position -= 1
        guard let number = natural() else { return nil }
        repeatCount = number
      }
    }
    return nil
  }

  private mutating func pushSubstitution(_ index: Int, _ repeatCount: Int) -> Node? {
    guard index < substitutions.count, repeatCount <= Self.nodeLimit else { return nil }
    let node = substitutions[index]
    for _ in 0..<max(0, repeatCount - 1) { stack.append(node) }
    return node
  }

  private mutating func builtin() -> Node? {
    let name: String
    switch Character(UnicodeScalar(next())) {
    case "b": name = "BridgeObject"
    case "B": name = "UnsafeValueBuffer"
    case "A": name = "ImplicitActor"
    case "c": name = "RawUnsafeContinuation"
    case "D": name = "DefaultActorStorage"
    case "d": name = "NonDefaultDistributedActorStorage"
    case "e": name = "Executor"
    case "f":
      guard let bits = index() else { return nil }
      name = "FPIEEE\(bits - 1)"
    case "i":
      guard let bits = index() else { return nil }
      name = "Int\(bits - 1)"
    case "I": name = "IntLiteral"
    case "j": name = "Job"
    case "O": name = "UnknownObject"
    case "o": name = "NativeObject"
    case "P": name = "PackIndex"
    case "p": name = "RawPointer"
    case "t": name = "SILToken"
    case "w": name = "Word"
    case "v":
      guard let count = index(), case .builtin(let element)? = popType() else { return nil }
      name = "Vec\(count - 1)x\(element)"
    case "V":
      guard let element = popType(), let count = popType() else { return nil }
      return .type(.fixedArray(count: count, element: element))
    default: return nil
    }
    return .type(.builtin(name))
  }

  private mutating func standardSubstitution() -> Node? {
    if nextIf("o") || nextIf("C") { return .module("__C") }
    if nextIf("g") {
      guard let wrapped = popType() else { return nil }
      let node = Node.type(
        .nominal(.named(kind: .enumeration, module: "Swift", path: ["Optional"]), arguments: [wrapped]))
      substitutions.append(node)
      return node
    }
    let repeatCount = natural() ?? 1
    let isConcurrency = nextIf("c")
    let table = isConcurrency ? StandardTypes.concurrency : StandardTypes.swift
    guard repeatCount <= Self.nodeLimit, let entry = table[next()] else { return nil }
    let node = Node.type(
      .nominal(
        .named(kind: entry.kind, module: isConcurrency ? "_Concurrency" : "Swift", path: [entry.name]), arguments: []))
    for _ in 0..<max(0, repeatCount - 1) { stack.append(node) }
    return node
  }
}
