import ProcessImage
import SwiftMetadata
import Symbols
import Synchronization

/// The async functions in which a suspended task waits, innermost first.
struct TaskNames: Sendable {
  let symbols: any SymbolSource
  private let demangler: Demangler
  /// How mangled names of the executable's own module begin; nil where it is not known.
  private let mainPrefixes: [String]
  private let known = Known()

  /// Names by code address: thousands of tasks wait in a few functions, and each name costs reads of a file. A hostile image names many;
  /// beyond the bound they are looked up each time.
  private final class Known: Sendable {
    struct Function {
      var name: String?
      var isStandard: Bool
      var isMain: Bool
    }

    private static let most = 1 << 14
    private let functions = Mutex<[UInt64: Function]>([:])

    func function(_ code: UInt64, find: () -> Function) -> Function {
      if let function = functions.withLock({ $0[code] }) { return function }
      let function = find()
      functions.withLock { if $0.count < Self.most { $0[code] = function } }
      return function
    }
  }

  init(symbols: any SymbolSource, mainModule: String? = nil) {
    self.symbols = symbols
    demangler = Demangler(mainModule: mainModule)
    mainPrefixes = mainModule.map { [$0, MetadataDecoder.unnamedModule].map { "$s\($0.utf8.count)\($0)" } } ?? []
  }

  /// Names of a task's frames; the runtime's own are left out where the program's are known, and so is what the standard library does inside of a
  /// function that the program called.
  func frames(_ info: TaskInfo) -> [String] {
    let functions = functions(info)
    var names: [String] = []
    for function in functions.drop(while: \.isStandard) {
      if let name = function.name, names.last != name { names.append(name) }
    }
    return names.isEmpty ? functions.prefix(1).compactMap(\.name) : names
  }

  /// The function of the standard library that the innermost function of others called, and that waits: `AsyncStream.Iterator.next(isolation:)`.
  func waitsFor(_ info: TaskInfo) -> String? {
    let functions = functions(info)
    let standard = functions.prefix(while: \.isStandard)
    return standard.count < functions.count ? standard.last?.name : nil
  }

  private func functions(_ info: TaskInfo) -> [Known.Function] {
    ([info.resumeFunction] + info.returnAddresses).map(function).filter { $0.name != nil }
  }

  func frame(_ frame: AsyncFrame) -> TaskFrame {
    let function = function(frame.code)
    return TaskFrame(
      context: frame.context, code: frame.code, function: function.name ?? "", isStandard: function.isStandard,
      isMain: function.isMain)
  }

  private func function(_ code: UInt64) -> Known.Function {
    known.function(code) {
      let symbol = symbols.symbol(at: code)
      let mangled = symbol?.mangledName ?? ""
      return Known.Function(
        name: name(code, symbol), isStandard: mangled.hasPrefix("$ss") || mangled.hasPrefix("$sS"),
        isMain: mainPrefixes.contains(where: mangled.hasPrefix))
    }
  }

  /// Nil for the runtime's adapters and the compiler's thunks.
  private func name(_ function: UInt64, _ symbol: Symbol?) -> String? {
    // Both are entry points of functions; a word in the middle of one is torn or not a function at all.
    guard let symbol, symbol.address == function, !Self.isRuntime(symbol) else { return nil }
    let name = demangler.displayName(Demangler.withoutForwarder(symbol.mangledName))
    return name.hasPrefix("reabstraction thunk") || name.hasPrefix("partial apply") ? nil : name
  }

  /// Adapters of the concurrency runtime, which no developer has written.
  private static func isRuntime(_ symbol: Symbol) -> Bool {
    ["_ZN5swift", "_ZL", "swift_", "_swift_"].contains { symbol.mangledName.hasPrefix($0) }
  }
}
