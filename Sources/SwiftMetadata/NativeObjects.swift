import Symbols

/// Blocks that are no Swift objects but say what they are by the symbol of their first word.
extension MetadataDecoder {
  /// `SWIFT TA` of `SWIFT TASK CONTINUATION MISUSE: …`. The runtime keeps what it has warned of for a crash report, and for each new warning a text
  /// with all before it in front (swiftlang/swift stdlib/public/runtime/Errors.cpp, `reportOnCrash`).
  public static let warningHead = UInt64(littleEndian: 0x4154_2054_4649_5753)

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
      return withoutControlBlock(name.hasPrefix("vtable for ") ? String(name.dropFirst(11)) : name)
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

  /// `std::shared_ptr<Peer>` for the block that `std::make_shared` fills, which has the object in it, and for the block of counts beside an object
  /// (GCC libstdc++-v3/include/bits/shared_ptr_base.h).
  private static func withoutControlBlock(_ name: String) -> String {
    for (type, words) in [
      ("std::_Sp_counted_ptr_inplace<", ""), ("std::_Sp_counted_ptr<", "counts of "),
      ("std::_Sp_counted_deleter<", "counts of "),
    ] where name.hasPrefix(type) {
      var depth = 0
      let argument = name.dropFirst(type.count).prefix { character in
        switch character {
        case "<", "(": depth += 1
        case ">", ")": depth -= 1
        case ",": return depth > 0
        default: break
        }
        return depth >= 0
      }
      let pointee = words.isEmpty || argument.last != "*" ? argument : argument.dropLast()
      return "\(words)std::shared_ptr<\(pointee)>"
    }
    return name
  }
}
