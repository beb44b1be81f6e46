import HeapGraph
import Measurement

/// What a kind of container holds, in a few lines.
enum ContainerText {
  static func lines(_ container: ContainerSummary) -> [String] {
    var lines: [String] = []
    let bytes = ByteCount(container.bytesPerEntry)
    switch container.kind {
    case .string: return []
    case .bytes:
      var line = "\(ByteCount(container.entries)) in \(Count(container.containers).of("buffer"))"
      if container.slots > container.entries {
        line += " with room for \(ByteCount(container.slots)) (\(Share(container.entries, of: container.slots)) full)"
      }
      lines.append(line)
    case .array, .deque:
      var line = "\(Count(container.entries).of("element"))"
      if container.slots > container.entries {
        line += " in room for \(Count(container.slots)) (\(Share(container.entries, of: container.slots)) full)"
      }
      lines.append(line + ", \(bytes) an element")
    case .localCache:
      lines.append("\(Count(container.entries).of("entry", "entries")), \(bytes) an entry")
    // No hash table is full: a tree of hashes has no buckets.
    case .dictionary where container.slots == container.entries, .set where container.slots == container.entries:
      lines.append("\(Count(container.entries).of("entry", "entries")), \(bytes) an entry")
    case .dictionary, .set:
      lines.append(
        "\(Count(container.entries).of("entry", "entries")) in \(Count(container.slots)) buckets "
          + "(\(Share(container.entries, of: container.slots)) full), \(bytes) an entry; empty buckets take "
          + "\(ByteCount(container.emptyBytes))")
    }
    if let keys = container.keys {
      lines.append(self.keys(keys, of: container.entries, type: container.keyType ?? ""))
    }
    if let values = container.values { lines += self.values(values, containers: container.containers) }
    return lines
  }

  /// - Parameter entries: in the containers; of very many a part was looked at.
  private static func keys(_ keys: KeySummary, of entries: UInt64, type: String) -> String {
    var line: String
    switch keys.kind {
    case .integers: line = "keys: integers"
    case .strings: line = "keys: strings"
    case .other: line = "keys: \(type)"
    }
    let isPart = UInt64(clamping: keys.looked) < entries
    if keys.distinct == keys.looked {
      line += ", all \(Count(keys.looked)) \(isPart ? "looked at " : "")different"
    } else {
      line += ", \(Count(keys.distinct)) different among \(Count(keys.looked))\(isPart ? " looked at" : "")"
    }
    if let low = keys.lowest, let high = keys.highest { line += ", from \(low) to \(high)" }
    if let length = keys.averageLength { line += ", \(length) bytes on the average" }
    if !keys.samples.isEmpty { line += ": " + keys.samples.map { "\"\($0)\"" }.joined(separator: ", ") }
    return line
  }

  private static func values(_ values: ValueSummary, containers: Int) -> [String] {
    var lines: [String] = []
    guard values.repeatedKeys > 0, values.equalBytes > 0 else { return lines }
    if values.differingOffsets.isEmpty {
      lines.append("values: equal copies of each other under the same key (\(Count(values.looked)) compared)")
    } else {
      let names =
        values.differingFields.isEmpty
        ? "bytes at \(values.differingOffsets.map(String.init).joined(separator: ", "))"
        : values.differingFields.joined(separator: ", ")
      lines.append(
        "values: under the same key \(values.equalBytes) of \(values.valueBytes) bytes are equal copies; "
          + "only \(names) differ")
    }
    guard let now = values.shapes.first(where: { $0.kind == .inline })?.bytesPerContainer else { return lines }
    for shape in values.shapes where shape.kind != .inline && shape.bytesPerContainer < now {
      let saved = ByteCount((now - shape.bytesPerContainer) * UInt64(containers))
      let size = ByteCount(shape.bytesPerContainer)
      switch shape.kind {
      case .boxed: lines.append("  each value in its own object: \(size) instead of \(ByteCount(now)), saves \(saved)")
      case .exactArray: lines.append("  an array of exact size: \(size), saves \(saved)")
      case .shared: lines.append("  references to shared values: \(size), saves \(saved)")
      case .differenceOnly where shape.bytesPerContainer > 0:
        let kept = values.differingOffsets.isEmpty ? "only which keys it has" : "only what differs"
        lines.append("  \(kept), the rest from one shared table: \(size), saves \(saved)")
      case .differenceOnly: lines.append("  one shared dictionary: saves \(saved)")
      case .inline: break
      }
    }
    return lines
  }
}
