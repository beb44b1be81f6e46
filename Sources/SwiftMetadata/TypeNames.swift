/// Module and nested names of a declaration, with the number of generic parameters in scope at each.
struct QualifiedName: Sendable {
  var module: String
  /// Outermost first.
  var path: [(name: String, parameters: Int)]

  /// A type of the standard library, at its top level.
  var standardName: String? {
    (module == "Swift" || module == "_Concurrency") && path.count == 1 ? path[0].name : nil
  }
}

extension MetadataDecoder {
  /// Longest type name that is printed; longer ones end in `…`.
  static let nameLimit = 1_000

  /// Private and anonymous contexts are skipped, extensions count as the extended type.
  func qualifiedName(_ descriptor: ContextDescriptor) -> QualifiedName? {
    if let known = qualifiedNames[descriptor.address] { return known }
    qualifiedNames[descriptor.address] = .some(nil)  // ends cyclic parent chains
    let name = makeQualifiedName(descriptor)
    qualifiedNames[descriptor.address] = .some(name)
    return name
  }

  private func makeQualifiedName(_ descriptor: ContextDescriptor) -> QualifiedName? {
    var path: [(name: String, parameters: Int)] = []
    var current = descriptor
    for _ in 0..<32 {
      switch current.kind {
      case .module: return QualifiedName(module: current.name, path: path.reversed())
      case .extension:
        guard let text = memory.relative(current.address &+ 8).flatMap({ MangledText(at: $0, in: memory) }),
          case .nominal(let reference, _)? = parse(text), let extended = qualifiedName(reference)
        else { break }
        var outer = extended.path
        if let signature = GenericSignature(of: current, in: memory), !outer.isEmpty {
          outer[outer.count - 1].parameters = signature.parameters.count
        }
        return QualifiedName(module: extended.module, path: outer + path.reversed())
      case .anonymous, .opaque: break
      case .protocol, .class, .structure, .enumeration:
        let signature = GenericSignature(of: current, in: memory)
        path.append((current.name, signature?.parameters.count ?? 0))
      }
      guard let parent = current.parent, let next = self.descriptor(at: parent) else { return nil }
      current = next
    }
    return nil
  }

  func qualifiedName(_ reference: NominalReference) -> QualifiedName? {
    switch reference {
    case .descriptor(let address): descriptor(at: address).flatMap { qualifiedName($0) }
    case .named(_, let module, let path): QualifiedName(module: module, path: path.map { ($0, 0) })
    }
  }

  /// Parses a mangled type string; symbolic references become descriptors.
  func parse(_ text: MangledText) -> TypeNode? {
    var parser = MangledTypeParser(text) { [self] kind, target in
      if kind == 0x0a || kind == 0x0b { return .extendedShape }
      guard kind <= 2, let address = kind == 2 ? memory.word(target) : target,
        let descriptor = descriptor(at: address)
      else { return nil }
      switch descriptor.kind {
      case .class, .structure, .enumeration: return .type(.nominal(.descriptor(address), arguments: []))
      case .protocol:
        return .type(.existential(protocols: [.descriptor(address)], superclass: nil, isClassBound: false))
      case .opaque: return .type(.unresolved("some"))
      case .module: return .module(descriptor.name)
      case .extension, .anonymous: return nil
      }
    }
    let type = parser.parse()
    for spelling in parser.spellings { remember(spelling) }
    return type
  }

  // MARK: Printing

  func name(ofMetadata metadata: UInt64, depth: Int) -> String? {
    if let known = metadataNames[metadata] { return known }
    guard spend(depth: depth) else { return nil }
    metadataNames[metadata] = .some(nil)  // ends cycles
    let name = node(ofMetadata: metadata).flatMap { self.name(of: $0, depth: depth + 1) }
    metadataNames[metadata] = isCutShort ? nil : .some(name)
    return name
  }

  func name(of node: TypeNode, depth: Int = 0) -> String? {
    guard spend(depth: depth) else { return nil }
    func inner(_ node: TypeNode) -> String { name(of: node, depth: depth + 1) ?? "_" }
    func list(_ nodes: [TypeNode]) -> String { nodes.map(inner).joined(separator: ", ") }
    let text: String
    switch node {
    case .metadata(let metadata):
      guard let name = name(ofMetadata: metadata, depth: depth + 1) else { return nil }
      text = name
    case .nominal(let reference, let arguments):
      guard let name = qualifiedName(reference) else { return nil }
      text = spelled(name, arguments: arguments.map(inner), arguments)
    case .builtin(let name): text = "Builtin.\(name)"
    case .tuple(let elements):
      text = "(" + elements.map { ($0.label.map { "\($0): " } ?? "") + inner($0.type) }.joined(separator: ", ") + ")"
    case .function(let form, let parameters, let result):
      let convention =
        switch form.representation {
        case .thick: ""
        case .thin: "@convention(thin) "
        case .cFunction: "@convention(c) "
        case .block: "@convention(block) "
        }
      let effects = (form.isAsync ? " async" : "") + (form.isThrowing ? " throws" : "")
      let written = inner(result)
      text = "\(convention)(\(list(parameters)))\(effects) -> \(written == "()" ? "Void" : written)"
    case .existential(let protocols, let superclass, let isClassBound):
      var names = protocols.map { qualifiedName($0).map { spelled($0, arguments: [], []) } ?? "_" }
      if let superclass { names.insert(inner(superclass), at: 0) }
      if names.isEmpty {
        text = isClassBound ? "AnyObject" : "Any"
      } else {
        text = "any " + names.joined(separator: " & ")
      }
    case .metatype(let type, _): text = wrapped(inner(type), type) + ".Type"
    case .parameter(let level, let index): text = "τ_\(level)_\(index)"
    case .member(let base, let name): text = "\(inner(base)).\(name)"
    case .reference(let ownership, let type):
      text = (ownership == .weak ? "weak " : ownership == .unowned ? "unowned " : "unowned(unsafe) ") + inner(type)
    case .box(let types): text = "box of \(list(types))"
    case .fixedArray(let count, let element): text = "Builtin.FixedArray<\(inner(count)), \(inner(element))>"
    case .integer(let value): text = String(value)
    case .pack(let types): text = list(types)
    case .packExpansion(let pattern): text = "repeat \(inner(pattern))"
    case .unresolved(let description): text = description
    }
    return text.count > Self.nameLimit ? String(text.prefix(Self.nameLimit)) + "…" : text
  }

  /// Parentheses around what a postfix (`?`, `.Type`) would otherwise split.
  private func wrapped(_ text: String, _ node: TypeNode) -> String {
    var shape = node
    if case .metadata(let metadata) = node, let resolved = self.node(ofMetadata: metadata) { shape = resolved }
    switch shape {
    case .function, .packExpansion, .reference: return "(\(text))"
    case .existential(let protocols, let superclass, _):
      return protocols.isEmpty && superclass == nil ? text : "(\(text))"
    default: return text
    }
  }

  private func spelled(_ name: QualifiedName, arguments: [String], _ nodes: [TypeNode]) -> String {
    switch (name.standardName, arguments.count) {
    case ("Optional"?, 1): return wrapped(arguments[0], nodes[0]) + "?"
    case ("Array"?, 1): return "[\(arguments[0])]"
    case ("Dictionary"?, 2): return "[\(arguments[0]) : \(arguments[1])]"
    default: break
    }
    var omitted = ["Swift", "__C", "__C_Synthesized", "_Concurrency", omittedModule]
    // A program for whose module nobody has chosen a name is called after its file, its module is not.
    if omittedModule != nil { omitted.append(MetadataDecoder.unnamedModule) }
    var text = omitted.contains(name.module) ? "" : name.module
    var used = 0
    for (index, level) in name.path.enumerated() {
      if !text.isEmpty { text += "." }
      text += level.name
      let end = index == name.path.count - 1 ? arguments.count : min(level.parameters, arguments.count)
      if end > used {
        text += "<\(arguments[used..<end].joined(separator: ", "))>"
        used = end
      }
    }
    return text
  }
}
