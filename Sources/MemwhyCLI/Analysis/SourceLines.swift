import Foundation
import ProcessImage
import Symbols

/// Source lines of code, asked of `llvm-symbolizer` in one batch a module. Where it or the debug information is missing, there are none.
struct SourceLines {
  let image: ProcessImage
  let symbols: any SymbolSource
  let debugDirectories: [String]

  /// Addresses a run of the tool; they go on its command line.
  private static let batch = 1000
  /// Seconds that a module may take: large ones without debug information are not worth more.
  private static let patience = 10.0

  /// `Server.swift:41` by address.
  func lines(_ addresses: [UInt64]) -> [UInt64: String] {
    guard let tool = Self.tool() else { return [:] }
    var byModule: [Int: [UInt64]] = [:]
    for address in addresses {
      guard let index = image.modules.firstIndex(where: { $0.start <= address && address < $0.end }) else { continue }
      byModule[index, default: []].append(address)
    }
    var result: [UInt64: String] = [:]
    for (index, list) in byModule {
      let module = image.modules[index]
      guard let path = file(of: module) else { continue }
      for start in stride(from: 0, to: list.count, by: Self.batch) {
        let part = list[start..<min(start + Self.batch, list.count)]
        let arguments = part.map { "0x" + String($0 &- module.bias, radix: 16) }
        let output = Self.run(
          tool, ["--obj=\(path)", "--no-inlines", "--functions=none", "--output-style=LLVM"] + arguments)
        for (address, line) in zip(part, Self.parse(output)) where !line.isEmpty { result[address] = line }
      }
    }
    return result
  }

  /// One `file:line:column` an address, an empty line between them.
  static func parse(_ output: String) -> [String] {
    output.split(separator: "\n", omittingEmptySubsequences: true).map { text in
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count >= 3, let line = Int(parts[parts.count - 2]), line > 0 else { return "" }
      let path = parts[..<(parts.count - 2)].joined(separator: ":")
      let name = path.split(separator: "/").last.map(String.init) ?? path
      return name.hasPrefix("<") || name.hasPrefix("?") ? "" : "\(name):\(line)"
    }
  }

  /// A file on this machine with the module's debug information: the same build, or nothing.
  private func file(of module: Module) -> String? {
    var candidates: [String] = []
    if let symbols = symbols as? ImageSymbols, case .debugFile(let path) = symbols.origin(of: module) {
      candidates.append(path)
    }
    if let pid = image.pid { candidates.append("/proc/\(pid)/root\(module.path)") }
    candidates += debugDirectories.map { $0 + module.path } + [module.path]
    return candidates.first { path in
      guard let file = try? DiskFile(path: path), let elf = try? ELFFile(file) else { return false }
      return module.buildID == nil || elf.buildID == module.buildID
    }
  }

  private static func tool() -> String? {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    return folders.map { $0 + "/llvm-symbolizer" }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  private static func run(_ tool: String, _ arguments: [String]) -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: tool)
    process.arguments = arguments
    // It must not ask servers for debug files.
    process.environment = ProcessInfo.processInfo.environment.filter { $0.key != "DEBUGINFOD_URLS" }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return "" }
    let watch = DispatchWorkItem { process.terminate() }
    DispatchQueue.global().asyncAfter(deadline: .now() + patience, execute: watch)
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    watch.cancel()
    return String(decoding: data, as: UTF8.self)
  }
}
