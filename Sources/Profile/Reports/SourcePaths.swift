/// Paths of source files: as they stand in a profile, and where they are on this machine (google/pprof internal/report/source.go).
struct SourcePaths: Sendable {
  /// Folders to search.
  let folders: [String]
  /// What to take away at the beginning of a path, with a slash at its end.
  private let prefixes: [String]
  private let hasTrimPath: Bool

  /// Both are lists with colons.
  init(sourcePath: String, trimPath: String) {
    folders = sourcePath.split(separator: ":").map(String.init)
    hasTrimPath = !trimPath.isEmpty
    prefixes =
      trimPath.split(separator: ":").map { $0.hasSuffix("/") ? String($0) : $0 + "/" } + [
        "/proc/self/cwd/./", "/proc/self/cwd/",
      ]
  }

  /// Without prefixes, and without `.`, `..` and doubled slashes.
  func cleaned(_ path: String) -> String { path.isEmpty ? "" : Self.clean(trimmed(path)) }

  /// Without the configured prefixes. Without any configured: without everything up to a folder that has the name of one that is searched.
  func trimmed(_ path: String) -> String {
    if !hasTrimPath {
      for folder in folders {
        let wanted = "/\(Self.base(folder))/"
        if let found = Self.firstRange(of: wanted, in: path) { return String(path[found...]) }
      }
    }
    for prefix in prefixes where path.hasPrefix(prefix) { return String(path.dropFirst(prefix.count)) }
    return path
  }

  /// Index behind the first place of `text`.
  private static func firstRange(of text: String, in path: String) -> String.Index? {
    var index = path.startIndex
    while index < path.endIndex {
      if path[index...].hasPrefix(text) { return path.index(index, offsetBy: text.count) }
      index = path.index(after: index)
    }
    return nil
  }

  static func base(_ path: String) -> String {
    if path.isEmpty { return "." }
    return path.split(separator: "/").last.map(String.init) ?? "/"
  }

  static func clean(_ path: String) -> String {
    let isAbsolute = path.hasPrefix("/")
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == ".." {
        if let last = parts.last, last != ".." { parts.removeLast() } else if !isAbsolute { parts.append(part) }
      } else {
        parts.append(part)
      }
    }
    let joined = parts.joined(separator: "/")
    return isAbsolute ? "/" + joined : joined.isEmpty ? "." : joined
  }
}
