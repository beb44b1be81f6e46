import Foundation

@testable import ProcessImage
@testable import Profile
@testable import Reports
@testable import Symbols

/// Files that somebody hands to memwhy.
enum FileTargets {
  /// A file without a name, for what reads by path.
  static func withPath(_ bytes: [UInt8], _ body: (String) -> Void) {
    var name = Array("/dev/shm/memwhy-fuzz-XXXXXX".utf8CString)
    let file = mkstemp(&name)
    guard file >= 0 else { return }
    unlink(name)
    defer { close(file) }
    bytes.withUnsafeBytes { _ = write(file, $0.baseAddress, $0.count) }
    body("/proc/self/fd/\(file)")
  }

  static func elf(_ bytes: [UInt8]) {
    guard let file = try? ELFFile(MemoryFile(bytes)) else { return }
    for section in file.sections() { _ = file.content(of: section, limit: 1 << 20) }
    for segment in file.segments { _ = file.content(of: segment, limit: 1 << 20) }
    _ = file.buildID
    _ = file.debugLink
    let table = SymbolTable(file)
    for address in [0, 0x1000, 0x40_1000, .max] as [UInt64] {
      if let entry = table.entry(covering: address) { _ = table.name(of: entry) }
    }
    _ = table.entry(named: "main")
  }

  static func core(_ bytes: [UInt8]) {
    withPath(bytes) { path in
      guard let image = try? ProcessImage.core(path: path) else { return }
      for mapping in image.mappings.prefix(50) {
        _ = try? image.memory.bytes(at: mapping.start, count: 64)
        _ = try? image.memory.bytes(at: mapping.end &- 8, count: 16)
        _ = image.memory.skippingUntouched(mapping.start, to: mapping.end)
      }
      MemoryTargets.analyze(image)
    }
  }

  static func profile(_ bytes: [UInt8]) {
    guard let profile = try? ProfileReader(maximumSize: 4 << 20).decode(bytes, path: "file"),
      let session = try? ProfileSession([profile])
    else { return }
    var options = ProfileOptions()
    _ = try? TopReport(session, options).text()
    _ = try? TreeReport(session, options).text()
    _ = try? RawReport(session, options).text()
    _ = try? TracesReport(session, options).text()
    options.trim = false
    options.granularity = .lines
    options.mean = true
    _ = try? TopReport(session, options).text()
    _ = try? ProfileSession([profile], bases: [profile], normalize: true)
    for name in ["a.collapsed", "a.speedscope.json", "a.html", "a.pb.gz"] {
      if let export = ProfileExport(path: name) { _ = try? export.render(session, options) }
    }
  }

  /// A pattern, and behind a NUL the text.
  static func pattern(_ bytes: [UInt8]) {
    let parts = bytes.split(separator: 0, maxSplits: 1)
    guard let text = parts.first, let pattern = try? Pattern(String(decoding: text, as: UTF8.self), option: "-focus")
    else { return }
    _ = pattern.matches(String(decoding: parts.count > 1 ? parts[1] : [], as: UTF8.self))
  }

  static func snapshot(_ bytes: [UInt8]) {
    guard let snapshot = try? Snapshot(decoding: bytes, path: "file") else { return }
    if let diff = try? SnapshotDiff([snapshot, snapshot]) { _ = diff }
    _ = try? snapshot.encoded()
  }

  static func suppressions(_ bytes: [UInt8]) {
    _ = try? Suppressions(parsing: String(decoding: bytes, as: UTF8.self), path: "file")
    let parts = bytes.split(separator: 0, maxSplits: 1).map { String(decoding: $0, as: UTF8.self) }
    if parts.count == 2 { _ = Glob.matches(parts[0], parts[1]) }
  }
}
