import ProcessImage
import Synchronization

/// Symbols over all modules of an image. A module's table is loaded when it is first asked for.
public final class ImageSymbols: SymbolSource {
  /// Where a module's names come from.
  public enum Origin: Sendable, Hashable {
    /// The file itself has `.symtab`.
    case file
    /// A separate debug file of the same build.
    case debugFile(path: String)
    /// Only what it exports: it is stripped.
    case exportedOnly
    /// The file could not be had.
    case none
  }

  private struct Loaded {
    var table: SymbolTable?
    var origin: Origin
  }

  public let modules: [Module]
  private let finder: SymbolFileFinder
  private let loaded: [Mutex<Loaded?>.Box]

  /// - Parameter debugDirectories: searched before `/usr/lib/debug`.
  public init(_ image: ProcessImage, debugDirectories: [String] = []) {
    modules = image.modules.sorted { $0.start < $1.start }
    finder = SymbolFileFinder(files: image.files, debugDirectories: debugDirectories)
    loaded = modules.map { _ in .init(nil) }
  }

  public func symbol(at address: UInt64) -> Symbol? {
    guard let index = moduleIndex(containing: address), let table = table(index) else { return nil }
    let module = modules[index]
    guard let entry = table.entry(covering: address &- module.bias) else { return nil }
    return symbol(entry, table, module)
  }

  public func address(of mangledName: String) -> UInt64? { symbol(named: mangledName)?.address }

  /// The symbol of this name: a global one of the first module that has it, else a local one. Loads modules until it finds a global one.
  public func symbol(named mangledName: String) -> Symbol? {
    var local: Symbol?
    for index in modules.indices {
      guard let table = table(index), let found = table.entry(named: mangledName) else { continue }
      let symbol = symbol(found.entry, table, modules[index])
      if found.isGlobal { return symbol }
      if local == nil { local = symbol }
    }
    return local
  }

  public func threadLocal(at offset: UInt64, in module: Module) -> (name: String, offset: UInt64)? {
    modules.firstIndex(of: module).flatMap { table($0) }?.threadLocal(covering: offset)
  }

  /// The module that holds `address`. O(log modules).
  public func module(containing address: UInt64) -> Module? { moduleIndex(containing: address).map { modules[$0] } }

  /// Where the names of a module come from; loads its table.
  public func origin(of module: Module) -> Origin {
    guard let index = modules.firstIndex(of: module) else { return .none }
    return load(index).origin
  }

  private func symbol(_ entry: SymbolTable.Entry, _ table: SymbolTable, _ module: Module) -> Symbol {
    Symbol(
      address: entry.address &+ module.bias, size: entry.size, mangledName: table.name(of: entry), module: module.path,
      isData: entry.isData)
  }

  private func moduleIndex(containing address: UInt64) -> Int? {
    let index = modules.partitionIndex { $0.start <= address } - 1
    return index >= 0 && address < modules[index].end ? index : nil
  }

  private func table(_ index: Int) -> SymbolTable? { load(index).table }

  private func load(_ index: Int) -> Loaded {
    loaded[index].value.withLock { state in
      if let state { return state }
      let (table, origin) = finder.symbols(of: modules[index])
      let result = Loaded(table: table, origin: origin)
      state = result
      return result
    }
  }
}

extension Mutex where Value: Sendable {
  /// A lock that an array can hold.
  final class Box: Sendable {
    let value: Mutex<Value>
    init(_ initial: Value) { value = Mutex(initial) }
  }
}
