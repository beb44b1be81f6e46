import ProcessImage

/// How many there are of each name: threads by theirs, open files by their paths. Numbers in names count as one, since mostly they only tell
/// one from the other.
public struct NamedCounts: Codable, Sendable, Hashable {
  /// Most names that are kept, the most frequent ones.
  static let most = 16
  private static let longest = 256

  public var counts: [String: UInt64]

  public init(_ names: some Sequence<String>) {
    var all: [String: UInt64] = [:]
    for name in names { all[Self.withoutNumbers(name), default: 0] += 1 }
    let first = all.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(Self.most)
    counts = Dictionary(uniqueKeysWithValues: first.map { ($0.key, $0.value) })
  }

  /// Of the threads of an image, as they stood still. Without those that are called as the process is: nobody has given them a name.
  public static func threads(_ image: ProcessImage) -> NamedCounts {
    NamedCounts(image.threads.lazy.map(\.name).filter { !$0.isEmpty && $0 != image.name })
  }

  /// The files that a process has open by path, and their folders, with a slash at the end; sockets, pipes and the like have none.
  /// O(descriptors), about 2 µs each.
  ///
  /// - Returns: nil where that cannot be read.
  public static func files(of pid: Int32) -> NamedCounts? {
    let folder = Procfs.folder(of: pid) + "/fd/"
    guard let names = try? folderEntries(folder) else { return nil }
    let paths = names.lazy.compactMap { linkTarget(folder + $0) }.filter { $0.hasPrefix("/") }
    return NamedCounts(paths.flatMap { path in [path, path.folder == "/" ? "/" : path.folder + "/"] })
  }

  /// The name by which most of what became more is called, and how many of it; nil unless that is at least half of `all`. A folder only where
  /// no file has so many.
  func most(of all: Double, since before: NamedCounts) -> (name: String, more: UInt64)? {
    let more = counts.map { (name: $0.key, more: $0.value - min(before.counts[$0.key] ?? 0, $0.value)) }
      .filter { $0.more > 0 && Double($0.more) >= all / 2 }
    return more.max {
      ($1.name.hasSuffix("/") ? 1 : 0, $0.more, $1.name) < ($0.name.hasSuffix("/") ? 1 : 0, $1.more, $0.name)
    }
  }

  /// `NIO-ELT-0-#1` and `NIO-ELT-3-#2` are `NIO-ELT-*-#*`.
  static func withoutNumbers(_ name: String) -> String {
    var result = ""
    for character in name.prefix(longest) {
      if character.isASCII, character.isNumber {
        if result.last != "*" { result.append("*") }
      } else {
        result.append(character)
      }
    }
    return result
  }
}
