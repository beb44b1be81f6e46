import Foundation
import ProcessImage
import Symbols

/// Source lines of code, asked of `llvm-symbolizer` in one batch a module. Where it or the debug information is missing, there are none.
struct SourceLines {
  let image: ProcessImage
  let symbols: any SymbolSource
  let debugDirectories: [String]

  /// What a module may take: large ones without debug information are not worth more.
  private static let patience = 10

  /// `Server.swift:41` by address.
  func lines(_ addresses: [UInt64]) -> [UInt64: String] {
    guard let symbolizer = LineSymbolizer() else { return [:] }
    var byModule: [Int: [UInt64]] = [:]
    for address in addresses {
      guard let index = image.modules.indexContaining(address) else { continue }
      byModule[index, default: []].append(address)
    }
    var result: [UInt64: String] = [:]
    for (index, list) in byModule {
      let module = image.modules[index]
      guard let path = file(of: module) else { continue }
      let places = list.map { $0 &- module.bias }
      guard let frames = symbolizer.frames(of: places, in: path, seconds: Self.patience) else { continue }
      for (address, frames) in zip(list, frames) {
        if let line = frames.first.flatMap(Self.text) { result[address] = line }
      }
    }
    return result
  }

  /// nil where it is not known, or is the compiler's own.
  private static func text(_ frame: SourceFrame) -> String? {
    guard frame.line > 0, let name = frame.file.split(separator: "/").last, !name.hasPrefix("<"), !name.hasPrefix("?")
    else { return nil }
    return "\(name):\(frame.line)"
  }

  /// A file on this machine with the module's debug information: the same build, or nothing.
  private func file(of module: Module) -> String? {
    var candidates: [String] = []
    if let symbols = symbols as? ImageSymbols, case .debugFile(let path) = symbols.origin(of: module) {
      candidates.append(path)
    }
    if let pid = image.pid { candidates.append(Procfs.folder(of: pid) + "/root" + module.path) }
    candidates += debugDirectories.map { $0 + module.path } + [module.path]
    return candidates.first { path in
      guard let file = try? DiskFile(path: path), let elf = try? ELFFile(file) else { return false }
      return module.buildID == nil || elf.buildID == module.buildID
    }
  }
}
