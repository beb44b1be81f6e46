import Glibc
import ProcessImage

/// Source files, each read once.
struct SourceReader {
  struct Failure: Error { var what: String }

  private let paths: SourcePaths
  private var known: [String: Result<[String], Failure>] = [:]
  /// Larger files are no sources.
  private static let largest = 64 << 20

  init(_ paths: SourcePaths) { self.paths = paths }

  mutating func lines(of path: String) -> Result<[String], Failure> {
    if let result = known[path] { return result }
    let result = Self.read(path, paths)
    known[path] = result
    return result
  }

  private static func read(_ path: String, _ paths: SourcePaths) -> Result<[String], Failure> {
    let trimmed = paths.trimmed(path)
    for candidate in candidates(trimmed, paths) {
      guard let bytes = content(candidate) else { continue }
      var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
        String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
      }
      if lines.last == "" { lines.removeLast() }
      return .success(lines)
    }
    let searched = trimmed.hasPrefix("/") ? "" : " in \(folders(paths).joined(separator: ":")) and the folders above"
    return .failure(
      Failure(
        what:
          "could not find \(trimmed)\(searched); name the folder of the sources with --source-path, and what to take away in front of the profile's paths with --trim-path"
      ))
  }

  private static func folders(_ paths: SourcePaths) -> [String] {
    if !paths.folders.isEmpty { return paths.folders }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    guard getcwd(&buffer, buffer.count) != nil else { return [] }
    return [String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)]
  }

  /// A relative path is searched in every folder and in those above it.
  private static func candidates(_ path: String, _ paths: SourcePaths) -> [String] {
    if path.hasPrefix("/") { return [path] }
    var result: [String] = []
    for folder in folders(paths) {
      var parts = folder.split(separator: "/")
      let root = folder.hasPrefix("/") ? "/" : ""
      while true {
        let parent = root + parts.joined(separator: "/")
        result.append(SourcePaths.clean((parent.isEmpty ? "." : parent) + "/" + path))
        if parts.isEmpty { break }
        parts.removeLast()
      }
    }
    return result
  }

  private static func content(_ path: String) -> [UInt8]? {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= largest else { return nil }
    return try? contents(of: path, limit: largest)
  }
}
