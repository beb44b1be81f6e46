import ProcessImage

/// Names of addresses and addresses of names, over all modules of an image.
///
/// A stripped target answers nil: it loses names, nothing else.
public protocol SymbolSource: Sendable {
  /// The symbol that covers `address`, with its start. Mangled name.
  func symbol(at address: UInt64) -> Symbol?
  /// Run-time address of a symbol by its mangled name; exported and local ones alike.
  func address(of mangledName: String) -> UInt64?
  /// Mangled name of the thread-local variable that covers an offset in a thread's block of a module's variables, and its own offset.
  func threadLocal(at offset: UInt64, in module: Module) -> (name: String, offset: UInt64)?
}

extension SymbolSource {
  public func threadLocal(at offset: UInt64, in module: Module) -> (name: String, offset: UInt64)? { nil }
}

/// One entry of a symbol table.
public struct Symbol: Sendable, Hashable {
  /// Run-time address, in bytes.
  public var address: UInt64
  /// Size in bytes as the table has it; 0 where it has none.
  public var size: UInt64
  public var mangledName: String
  /// Path of the module.
  public var module: String
  /// `STT_OBJECT`, `STT_TLS` and the like: data, not code.
  public var isData: Bool

  public init(address: UInt64, size: UInt64, mangledName: String, module: String, isData: Bool) {
    self.address = address
    self.size = size
    self.mangledName = mangledName
    self.module = module
    self.isData = isData
  }
}

/// No symbols at all.
public struct NoSymbols: SymbolSource {
  public init() {}
  public func symbol(at address: UInt64) -> Symbol? { nil }
  public func address(of mangledName: String) -> UInt64? { nil }
}
