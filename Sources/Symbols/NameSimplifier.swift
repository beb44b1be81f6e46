/// Shortens what the Swift demangler prints to what a developer would call it.
///
/// `closure #1 @Sendable () async -> () in app.Session.start(name: Swift.String) -> ()` becomes `closure #1 in Session.start(name:)`.
struct NameSimplifier: Sendable {
  let mainModule: String?

  /// Thunks and parts of a function that go by the name of the function.
  private static let wrappers = [
    "await resume partial function for ", "suspend resume partial function for ", "partial apply forwarder for ",
    "partial apply for ", "async function pointer to ", "dispatch thunk of ", "unsafeMutableAddressor of ",
    "merged ", "specialized ", "@objc ", "coro function pointer to ", "back deployment thunk for ",
    "back deployment fallback for ", "distributed thunk ", "curry thunk of ",
  ]
  private static let addressors = [".unsafeMutableAddressor", ".unsafeAddressor"]
  /// Followed by `<arguments> of `.
  private static let specializations = [
    "generic specialization ", "generic partial specialization ", "generic not re-abstracted specialization ",
    "generic not-reabstracted specialization ", "generic partial not-reabstracted specialization ",
    "function signature specialization ", "generic pre-specialization ", "inlined generic function ",
  ]
  /// Followed by the name of an entity, which is simplified by itself.
  private static let labels: [(prefix: String, label: String)] = [
    ("one-time initialization token for ", "initialization token of "),
    ("one-time initialization function for ", "initializer of "),
    ("variable initialization expression of ", "initial value of "),
    ("property wrapper backing initializer of ", "initial value of "),
    ("protocol witness for ", ""),
    ("default argument ", "default argument "),
  ]

  func simplify(_ demangled: String) -> String {
    var text = demangled
    // Outlined and split parts: `… with unmangled suffix ".resume.0"`.
    if let suffix = NameScanner(text).topLevel(" with unmangled suffix ") {
      text = NameScanner(text).prefix(upTo: suffix)
    }
    var isWrapped = true
    while isWrapped {
      isWrapped = false
      if let rest = NameScanner(text).afterPartNumber() { (text, isWrapped) = (rest, true) }
      for prefix in Self.wrappers where text.hasPrefix(prefix) {
        (text, isWrapped) = (String(text.dropFirst(prefix.count)), true)
      }
      for prefix in Self.specializations where text.hasPrefix(prefix) {
        guard let of = NameScanner(text).topLevel(" of ") else { continue }
        (text, isWrapped) = (NameScanner(text).suffix(after: of), true)
      }
    }
    for (prefix, label) in Self.labels where text.hasPrefix(prefix) {
      return label + withoutModules(shortened(String(text.dropFirst(prefix.count))))
    }
    // Metadata and the like describe a type, which may hold parentheses that are no parameter list.
    if text.hasPrefix("reabstraction thunk ") { return "reabstraction thunk" }
    if Self.describesType(text) { return withoutModules(text) }
    return withoutModules(shortened(text))
  }

  /// The part behind ` : ` of a variable.
  func variableType(_ demangled: String) -> String? {
    let scanner = NameScanner(demangled)
    return scanner.topLevel(" : ").map { TypeSugar.applied(to: withoutModules(scanner.suffix(after: $0))) }
  }

  private static func describesType(_ text: String) -> Bool {
    [
      "type metadata ", "full type metadata ", "nominal type descriptor ", "metaclass ", "value witness table ",
      "protocol witness table ", "protocol conformance descriptor ", "protocol descriptor ", "reflection metadata ",
      "generic type metadata ", "lazy protocol witness table ", "associated type ", "outlined ",
      "demangling cache variable ",
      "class metadata ", "module descriptor ", "opaque type descriptor ", "property descriptor ",
      "method lookup function ",
      "base conformance descriptor ", "canonical specialized ", "instantiation function ",
    ].contains { text.hasPrefix($0) }
  }

  /// Every part of `a in b in c` by itself.
  private func shortened(_ text: String) -> String {
    var parts: [String] = []
    var rest = text
    while let separator = NameScanner(rest).topLevel(" in ") {
      parts.append(NameScanner(rest).prefix(upTo: separator))
      rest = NameScanner(rest).suffix(after: separator)
    }
    parts.append(rest)
    // "protocol witness for P.f() -> () in conformance app.T : app.P in app"
    if let conformance = parts.firstIndex(where: { $0.hasPrefix("conformance ") }) {
      parts.removeSubrange((conformance + 1)...)
      let text = String(parts[conformance].dropFirst("conformance ".count))
      parts[conformance] = NameScanner(text).topLevel(" : ").map { NameScanner(text).prefix(upTo: $0) } ?? text
      return parts[..<conformance].map(entity).joined(separator: " in ") + " of " + parts[conformance]
    }
    return parts.map(entity).joined(separator: " in ")
  }

  /// One entity without types: name, labels of its parameters, accessor.
  private func entity(_ text: String) -> String {
    var text = NameScanner(text).withoutExtensionAndDiscriminators()
    if let numbered = NameScanner(text).closureNumberEnd() { return NameScanner(text).prefix(upTo: numbered) }
    if let colon = NameScanner(text).topLevel(" : ") { text = NameScanner(text).prefix(upTo: colon) }
    for accessor in Self.addressors where text.hasSuffix(accessor) { text.removeLast(accessor.count) }
    return NameScanner(text).withLabelsOnly()
  }

  private func withoutModules(_ text: String) -> String {
    var names = ["Swift.", "_Concurrency.", "__C."]
    // `main` is the module of a program for which nobody has chosen a name, whatever its file is called.
    if let mainModule, !mainModule.isEmpty { names += [mainModule + ".", "main."] }
    return NameScanner(text).removing(qualifiers: names)
  }
}
