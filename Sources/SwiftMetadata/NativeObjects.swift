import Symbols

/// Blocks that are no Swift objects but say what they are by the symbol of their first word.
extension MetadataDecoder {
  func nativeEntry(_ head: UInt64) -> ObjectEntry {
    guard isInModule(head), let symbol = symbols.symbol(at: head), symbol.isData, !symbol.mangledName.hasPrefix("$s"),
      let name = Self.nativeName(symbol.mangledName), head &- symbol.address <= 4096
    else { return .unknown }
    return .type(ObjectType(kind: .native, name: name, layout: .conservative), minimum: 8, maximum: .max)
  }

  /// A readable name for a vtable or class symbol; nil for symbols that say nothing about the block.
  static func nativeName(_ symbol: String) -> String? {
    if symbol.hasPrefix("_ZTV") {
      let name = Demangler.demangle(symbol) ?? symbol
      return name.hasPrefix("vtable for ") ? String(name.dropFirst(11)) : name
    }
    if symbol.hasPrefix("_NSConcrete") {
      return symbol.hasSuffix("Block") ? "Block (\(symbol.dropFirst(11).dropLast(5).lowercased()))" : nil
    }
    if symbol.contains("dispatch"), symbol.hasSuffix("_vtable") {
      return String(symbol.drop { $0 == "_" }.dropLast(7))
    }
    if symbol.hasPrefix("_dispatch_") || symbol.hasPrefix("__OS_dispatch") || symbol.hasPrefix("_OS_") {
      return String(symbol.drop { $0 == "_" })
    }
    return nil
  }
}
