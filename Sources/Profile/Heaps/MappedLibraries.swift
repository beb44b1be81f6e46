import ProcessImage

/// The lines of `/proc/PID/maps` at the end of text profiles: which file lies at which address.
struct MappedLibraries {
  private struct Entry {
    var start, end, offset: UInt64
    var isExecutable: Bool
    var path: String
  }

  private var entries: [Entry] = []

  /// A line; what is no mapping is left out.
  mutating func add(_ bytes: ArraySlice<UInt8>) {
    var line = LineParser(bytes)
    guard let start = line.hexadecimal(), line.take("-"), let end = line.hexadecimal(), end > start else { return }
    let permissions = line.word()
    guard let offset = line.hexadecimal() else { return }
    _ = line.word()
    guard line.number() != nil else { return }
    line.skipSpaces()
    var path = line.rest
    while path.hasSuffix(" ") { path.removeLast() }
    if path.hasSuffix(" (deleted)") { path.removeLast(" (deleted)".count) }
    entries.append(
      Entry(start: start, end: end, offset: offset, isExecutable: permissions.contains("x"), path: path))
  }

  /// Where code lies, once it is in a profile.
  struct Index {
    fileprivate var ranges: [(start: UInt64, end: UInt64, mapping: Int)]

    /// O(log mappings).
    func mapping(of address: UInt64) -> Int? {
      let index = ranges.partitionIndex { $0.start <= address } - 1
      return index >= 0 && address < ranges[index].end ? ranges[index].mapping : nil
    }
  }

  /// Adds the mappings with code; the executable comes first in a process's maps, and so here.
  func add(to builder: inout ProfileBuilder) -> Index {
    var index = Index(ranges: [])
    for entry in entries where entry.isExecutable && !entry.path.isEmpty {
      let mapping = builder.mapping(start: entry.start, limit: entry.end, fileOffset: entry.offset, file: entry.path)
      index.ranges.append((entry.start, entry.end, mapping))
    }
    index.ranges.sort { $0.start < $1.start }
    return index
  }
}
