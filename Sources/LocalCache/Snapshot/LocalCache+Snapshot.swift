#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What became of reading a snapshot.
public enum WarmStart: Sendable, Equatable {
  /// So many entries were taken in.
  case restored(Int)
  /// There is no file: a first start.
  case noSnapshot
  /// The file was ignored, for this reason: it is damaged, of another version, or of other types. The cache starts empty.
  case ignored(String)
}

extension LocalCache where Key: Codable, Value: Codable {
  private struct Entry: Codable {
    let key: Key
    let value: Value
    /// Seconds until the entry ends, at the time of writing; nil for never.
    let seconds: Double?
  }

  private static var heading: String { "LocalCache snapshot 1" }

  /// Writes entries to a file, for a warm start of the next process: at most so many, and at most so many bytes.
  ///
  /// The file is written beside its place and then moved there, so a reader sees the old one or the new one. Entries are copied shard by shard;
  /// the cache may be used meanwhile.
  ///
  /// - Returns: how many entries were written.
  /// - Throws: what encoding or the file system says.
  @discardableResult
  public func writeSnapshot(
    to path: String, maximumEntries: Int = 100_000, maximumSize: ByteSize = .mebibytes(64)
  ) throws -> Int {
    let encoder = JSONEncoder()
    var body = Data()
    var written = 0
    shards: for index in 0...shardMask {
      for entry in entries(ofShard: index) {
        guard written < maximumEntries else { break shards }
        let line = try encoder.encode(entry)
        guard body.count + line.count + 1 <= maximumSize.bytes else { break shards }
        body.append(line)
        body.append(UInt8(ascii: "\n"))
        written += 1
      }
    }
    var file = Data("\(Self.heading)\n\(Self.checksum(body)) \(written)\n".utf8)
    file.append(body)
    try file.write(to: URL(fileURLWithPath: path), options: .atomic)
    return written
  }

  /// Takes the entries of a snapshot in, up to the limit of the cache. Whatever is wrong with the file, the cache works: it then starts empty.
  public func readSnapshot(from path: String, maximumSize: ByteSize = .mebibytes(64)) -> WarmStart {
    guard FileManager.default.fileExists(atPath: path) else { return .noSnapshot }
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    guard let size = attributes?[.size] as? Int, size <= maximumSize.bytes + 4096 else {
      return .ignored("\(path) is larger than \(maximumSize), or cannot be looked at")
    }
    guard let file = try? Data(contentsOf: URL(fileURLWithPath: path)) else {
      return .ignored("\(path) cannot be read")
    }
    let parts = file.split(
      separator: UInt8(ascii: "\n"), maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].elementsEqual(Self.heading.utf8) else {
      return .ignored("\(path) is no snapshot of this version")
    }
    let numbers = String(decoding: parts[1], as: UTF8.self).split(separator: " ").compactMap {
      UInt64($0)
    }
    guard numbers.count == 2, numbers[0] == Self.checksum(Data(parts[2])) else {
      return .ignored("\(path) is damaged: its checksum does not fit")
    }
    let decoder = JSONDecoder()
    var restored = 0
    for line in parts[2].split(separator: UInt8(ascii: "\n")) {
      guard let entry = try? decoder.decode(Entry.self, from: Data(line)) else {
        return .ignored("\(path) holds other types of keys or values")
      }
      let lifetime = entry.seconds.map {
        Duration.milliseconds(Int64(min(max($0, 0.001), 1e12) * 1000))
      }
      if set(entry.value, for: entry.key, lifetime: lifetime) { restored += 1 }
    }
    return .restored(restored)
  }

  private func entries(ofShard index: Int) -> [Entry] {
    let now = time.now
    return locked(shard(at: index)) { shard in
      var entries: [Entry] = []
      shard.pointee.visitEntries { id in
        guard !shard.pointee.isOver(id, now: now) else { return }
        let record = shard.pointee.table[id].pointee
        let deadline = shard.pointee.expiry.isActive ? shard.pointee.lifetimes[id].pointee.deadline : CacheTime.never
        let left =
          deadline == CacheTime.never ? nil : UInt64(deadline - shard.pointee.expiry.relative(now))
        entries.append(
          Entry(
            key: record.key, value: record.value,
            seconds: left.map { time.duration(ticks: $0).secondsAsDouble }))
      }
      return entries
    }
  }

  /// FNV-1a, 64 bits (Fowler, Noll, Vo): finds damage, not malice.
  private static func checksum(_ data: Data) -> UInt64 {
    data.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }
}
