import Foundation

/// Builds the small programs of `Tests/Programs` with the compiler at hand, once per content and flags.
public enum TestProgram {
  /// How a program is compiled.
  public enum Build: Sendable, Hashable {
    /// `swiftc`: all `.swift` files of the folder (or the one file), with these flags.
    case swift([String])
    /// `clang`: all `.c` and `.S` files of the folder (or the one file), with these flags.
    case c([String])
  }

  /// `Tests/Programs`.
  public static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Programs")

  /// Root of the package.
  public static let packageRoot = folder.deletingLastPathComponent().deletingLastPathComponent()

  /// The built executable of `Tests/Programs/<name>`, a folder or a file. Builds it if no equal build exists.
  ///
  /// - Parameter strip: run `strip` over the result.
  public static func path(_ name: String, _ build: Build, strip: Bool = false) throws -> String {
    let source = folder.appendingPathComponent(name)
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: source.path, isDirectory: &isFolder) else {
      throw TestFailure("no test program \(source.path)")
    }
    let files =
      isFolder.boolValue
      ? try FileManager.default.contentsOfDirectory(atPath: source.path).sorted().map { source.path + "/" + $0 }
      : [source.path]
    let tool: String
    let flags: [String]
    let endings: [String]
    switch build {
    case .swift(let given): (tool, flags, endings) = ("swiftc", given, [".swift"])
    case .c(let given): (tool, flags, endings) = ("clang", given, [".c", ".S"])
    }
    var hasher = FNV()
    hasher.add("\(tool) \(flags) \(strip)")
    for file in files { hasher.add((try? String(contentsOfFile: file, encoding: .utf8)) ?? "") }
    let output = packageRoot.appendingPathComponent(".build/test-programs")
    try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
    let base = source.deletingPathExtension().lastPathComponent
    let binary = output.appendingPathComponent("\(base)-\(String(hasher.value, radix: 16))").path
    // Several test processes may want the same program at once.
    let lock = open(binary + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard lock >= 0 else { throw TestFailure("cannot lock \(binary)") }
    defer { close(lock) }
    flock(lock, LOCK_EX)
    if FileManager.default.fileExists(atPath: binary) { return binary }
    let sources = files.filter { file in endings.contains { file.hasSuffix($0) } }
    let temporary = binary + ".tmp"
    if strip {
      // The same program, not a second compilation of it.
      try run("strip", ["-o", temporary, path(name, build)])
    } else {
      try run(tool, sources + flags + ["-o", temporary])
    }
    try FileManager.default.moveItem(atPath: temporary, toPath: binary)
    return binary
  }

  /// An executable target of this package: built beside the tests that run.
  public static func built(_ name: String) -> String {
    let beside = URL(fileURLWithPath: ProcessInfo.processInfo.arguments[0]).deletingLastPathComponent()
      .appendingPathComponent(name).path
    return FileManager.default.isExecutableFile(atPath: beside)
      ? beside : packageRoot.appendingPathComponent(".build/debug/\(name)").path
  }

  /// Runs a command to its end; throws with its output where it fails.
  @discardableResult
  public static func run(_ tool: String, _ arguments: [String], timeout: TimeInterval = 300) throws -> String {
    let result = try Command.run(tool, arguments, timeout: timeout)
    guard result.status == 0 else {
      throw TestFailure(
        "\(tool) \(arguments.joined(separator: " ")) failed (\(result.status)):\n\(result.output)\(result.errors)")
    }
    return result.output
  }
}

/// A test's own error: a sentence.
public struct TestFailure: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// 64-bit FNV-1a over strings (Fowler, Noll, Vo; draft-eastlake-fnv).
struct FNV {
  var value: UInt64 = 0xcbf2_9ce4_8422_2325
  mutating func add(_ text: String) {
    for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
  }
}
