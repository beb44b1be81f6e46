/// Why nothing can be said of holders.
public enum HoldersError: Error, Hashable, Sendable, CustomStringConvertible {
  case notMarked(String)
  /// No type has this name; those that look like it.
  case noSuchType(String, near: [String])
  /// The address is in no live block, and why.
  case noBlock(address: UInt64, reason: String)
  /// Nothing that holds memory is called so; names that look like it, or else those of the largest holders.
  case noSuchHolder(String, near: [String], areSimilar: Bool)
  /// Several holders are called so.
  case severalHolders(String, [String])

  public var description: String {
    switch self {
    case .notMarked(let reason):
      return "who holds what cannot be told: \(reason)"
    case .noSuchType(let name, let near):
      let hint =
        near.isEmpty ? "`memwhy heap` lists the types" : "near are \(near.map { "'\($0)'" }.joined(separator: ", "))"
      return "no live object has a type named '\(name)'; \(hint)"
    case .noBlock(let address, let reason):
      return "0x\(String(address, radix: 16)) is in no live block: \(reason)"
    case .noSuchHolder(let path, let near, let areSimilar):
      let names = near.map { "'\($0)'" }.joined(separator: ", ")
      let hint = near.isEmpty ? "" : areSimilar ? "near are \(names); " : "the largest are \(names); "
      return "no holder is called '\(path)'; \(hint)`memwhy retained` lists them"
    case .severalHolders(let path, let names):
      return
        "several holders are called '\(path)': \(names.map { "'\($0)'" }.joined(separator: ", ")); give the whole name of one"
    }
  }
}
