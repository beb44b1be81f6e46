/// Fields whose type cannot be copied: `Mutex<State>`, `Atomic`, a struct that is `~Copyable`.
///
/// Readers that are older than such types must not take them for others, so the compiler puts a function in the place of the type string
/// (`getTypeRefByFunction`, swiftlang/swift 6.3 lib/IRGen/GenReflection.cpp). It answers `()` to everybody, but the symbol of the string spells
/// the type: `get_type_metadata 15Synchronization5MutexVy3app5StateVG noncopyable.1`. A stripped program has no such symbol, and the field's
/// words are ambiguous.
extension MetadataDecoder {
  /// First byte of a type string that names a function (docs/ABI/Mangling.rst, `symbolic-reference`).
  private static let accessorReference: UInt8 = 9

  /// The type of a field whose type string lies at `address`; nil where it is no such string, or its symbol does not say.
  func noncopyableType(at address: UInt64) -> TypeNode? {
    guard memory.load(UInt8.self, at: address) == Self.accessorReference, let symbol = symbols.symbol(at: address),
      symbol.address == address
    else { return nil }
    let words = symbol.mangledName.split(separator: " ")
    guard words.count == 3, words[0] == "get_type_metadata", words[2].hasPrefix("noncopyable") else { return nil }
    return parse(MangledText(bytes: Array(words[1].utf8), address: 0))
  }

  /// Remembers how a type is spelled that a string names in full.
  func remember(_ spelling: MangledTypeParser.Spelling) {
    let symbol = "$s\(String(decoding: spelling.mangled, as: UTF8.self))Mn"
    // Two private types may have one name: neither is believed then.
    if let known = spelledSymbols[spelling.name], known != symbol {
      spelledSymbols[spelling.name] = .some(nil)
    } else {
      spelledSymbols[spelling.name] = .some(symbol)
    }
  }

  /// Descriptor of a type that a string spells in full.
  func spelledDescriptor(_ kind: NominalKind, _ module: String, _ path: [String]) -> UInt64? {
    let name = MangledTypeParser.Spelling.name(module, path)
    let symbol = Self.descriptorSymbol(kind, module, path) ?? (spelledSymbols[name] ?? nil)
    return symbol.flatMap { symbols.address(of: $0) }
  }
}
