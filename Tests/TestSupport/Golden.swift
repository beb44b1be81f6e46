import Foundation

/// Texts that were looked at once and must not change unnoticed: `Tests/Goldens/<fixture>.<verb>[.<flags>].txt`.
///
/// `MEMWHY_UPDATE_GOLDENS=1 swift test --filter Golden` writes them anew; read the difference before committing it.
public enum Golden {
  public static let folder = TestProgram.packageRoot.appendingPathComponent("Tests/Goldens")

  /// nil where `text` equals the golden, else a readable difference.
  public static func difference(_ name: String, _ text: String) throws -> String? {
    let file = folder.appendingPathComponent("\(name).txt")
    if ProcessInfo.processInfo.environment["MEMWHY_UPDATE_GOLDENS"] == "1" {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try text.write(to: file, atomically: true, encoding: .utf8)
      return nil
    }
    guard let expected = try? String(contentsOf: file, encoding: .utf8) else {
      return "no golden \(file.path); write it with MEMWHY_UPDATE_GOLDENS=1 swift test --filter Golden"
    }
    if expected == text { return nil }
    let old = expected.split(separator: "\n", omittingEmptySubsequences: false)
    let new = text.split(separator: "\n", omittingEmptySubsequences: false)
    var lines = ["\(name) differs from its golden (MEMWHY_UPDATE_GOLDENS=1 accepts it):"]
    for change in new.difference(from: old) {
      switch change {
      case .remove(let offset, let line, _): lines.append("-\(offset + 1): \(line)")
      case .insert(let offset, let line, _): lines.append("+\(offset + 1): \(line)")
      }
    }
    return lines.joined(separator: "\n")
  }
}
