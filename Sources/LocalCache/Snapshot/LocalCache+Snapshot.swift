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
    /// Whether a use puts the end off.
    let isProlonged: Bool
  }

  /// Entries in a row that are larger than the bytes that are left, after which no smaller one is looked for.
  private static var mostMisfits: Int { 100 }

  /// Without modules: those of private types have no name that is the same in the next process.
  private static var snapshotTypes: String { "\(Key.self) to \(Value.self)" }

  /// Writes entries to a file, for a warm start of the next process: at most so many, and at most so many bytes.
  ///
  /// Where not all may be written, those are that are most worth it: pinned ones, then what was used most often lately, and of what was used as often that
  /// whose last use was later. An entry that is larger than what is left of the bytes is left out, and smaller ones after it are not.
  ///
  /// The file is written beside its place and then moved there, so a reader sees the old one or the new one. Entries are copied one by one; the cache may be used
  /// meanwhile. O(n log n) in the number of entries, with 20 bytes for each of those that are written, or three times as many while they are chosen.
  ///
  /// - Returns: how many entries were written.
  /// - Throws: what encoding or the file system says.
  @discardableResult
  public func writeSnapshot(
    to path: String, maximumEntries: Int = 100_000, maximumSize: ByteSize = .mebibytes(64)
  ) throws -> Int {
    let encoder = JSONEncoder()
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    var lines = Data()
    var written = 0
    var misfits = 0
    for candidate in snapshotCandidates(maximumEntries) {
      guard let entry = entry(of: candidate) else { continue }
      let line = try encoder.encode(entry)
      guard line.count < maximumSize.bytes - lines.count else {
        misfits += 1
        guard misfits < Self.mostMisfits else { break }
        continue
      }
      misfits = 0
      lines.append(line)
      lines.append(UInt8(ascii: "\n"))
      written += 1
    }
    let file = SnapshotFile.contents(
      lines: lines, count: written, written: WallClock.milliseconds() / 1000, types: Self.snapshotTypes)
    try file.write(to: URL(fileURLWithPath: path), options: .atomic)
    return written
  }

  /// Takes the entries of a snapshot in: those whose lifetime is not over by now, and whose key has no value yet. Where the cache has no room for all, those that were
  /// most worth it when they were written; nothing has to go for them. The cache may
  /// be used meanwhile: what is written is newer and stays. Whatever is wrong with the file, the cache works, and nothing of the file is taken in.
  public func readSnapshot(from path: String, maximumSize: ByteSize = .mebibytes(64)) -> WarmStart {
    readSnapshot(from: path, maximumSize: maximumSize, at: WallClock.milliseconds() / 1000)
  }

  /// The same at a time in seconds since 1970.
  func readSnapshot(from path: String, maximumSize: ByteSize = .mebibytes(64), at now: Int64) -> WarmStart {
    let file: SnapshotFile
    switch SnapshotFile.load(path, maximum: maximumSize.bytes, types: Self.snapshotTypes) {
    case .missing: return .noSnapshot
    case .useless(let reason): return .ignored(reason)
    case .file(let found): file = found
    }
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    var entries: [Entry] = []
    for line in file.lines {
      guard let entry = try? decoder.decode(Entry.self, from: line) else {
        return .ignored("\(path) holds other types of keys or values")
      }
      entries.append(entry)
    }
    // Entries went on ageing while no process had them. A clock that went back makes nothing younger.
    let elapsed = max(0, Double(now) - Double(file.written))
    // Like a load: what the program writes meanwhile is newer.
    loader.flying.add(1, ordering: .relaxed)
    defer { loader.flying.subtract(1, ordering: .relaxed) }
    // The best last: what comes in later goes later.
    return .restored(fitting(entries, after: elapsed).reversed().count { restore($0, after: elapsed) })
  }

  /// Those that there is room for, and that are not there already.
  private func fitting(_ entries: [Entry], after elapsed: Double) -> [Entry] {
    let taken = (0...shardMask).reduce(0 as UInt64) { sum, index in
      sum + reading(shard(at: index)) { $0.pointee.policy.weight }
    }
    let available = bound.available
    var room = available - min(taken, available)
    return entries.filter { entry in
      guard entry.seconds.map({ $0 > elapsed }) ?? true, !contains(entry.key) else { return false }
      let weight = sizer.weigh(entry.key, entry.value)
      guard weight <= room else { return false }
      room -= weight
      return true
    }
  }

  /// Takes an entry in that has aged by so many seconds. Returns whether it did.
  private func restore(_ entry: Entry, after elapsed: Double) -> Bool {
    let hash = hash(entry.key)
    let stamp = loader.watch.begin(hash)
    defer { loader.watch.end(hash) }
    let left = entry.seconds.map { $0 - elapsed }
    guard !contains(entry.key), left.map({ $0 > 0 }) ?? true else { return false }
    let lifetime = left.map { Duration.milliseconds(Int64(min(max($0, 0.001), 1e12) * 1000)) }
    guard store(entry.value, for: entry.key, lifetime: lifetime, pinned: nil, stamp: stamp, isLoaded: true) else {
      return false
    }
    if entry.isProlonged, lifetime != nil { letUsesProlong(entry.key) }
    return true
  }

  /// For an entry that ends some time after its last use, and was stored with what was left of that. Where entries end after writing too, their time of
  /// writing is not known any more, and the end stays where it is.
  private func letUsesProlong(_ key: Key) {
    guard configuration.expiry.afterAccess != nil, configuration.expiry.afterWrite == nil else { return }
    let hash = hash(key)
    locked(shard(for: hash)) { shard in
      let id = shard.pointee.find(key, hash: Self.high(hash))
      if id != 0, shard.pointee.lifetimes[id].pointee != CacheTime.never {
        shard.pointee.lifetimes[id].pointee &= ~ShardExpiry.fixedBit
      }
    }
  }

  /// The entry that a candidate stands for; nil where it has gone meanwhile.
  private func entry(of candidate: SnapshotCandidate) -> Entry? {
    let now = time.now
    return reading(shard(at: Int(candidate.shard))) { shard in
      let id = candidate.id
      guard id < shard.pointee.policy.pool.highWater, shard.pointee.policy.pool[id].pointee.isInUse,
        shard.pointee.policy.pool[id].pointee.hash == candidate.hash, !shard.pointee.isOver(id, now: now)
      else { return nil }
      let table = shard.pointee.table
      let deadline =
        shard.pointee.expiry.isActive
        ? shard.pointee.lifetimes.sharedDeadline(id).pointee.load(ordering: .relaxed) : CacheTime.never
      let rest = deadline - min(deadline, shard.pointee.expiry.relative(now))
      let left = deadline == CacheTime.never ? nil : UInt64(rest)
      return Entry(
        key: table[id].pointee.key, value: WholeValue.load(table.value(id)),
        seconds: left.map { time.duration(ticks: $0).secondsAsDouble },
        isProlonged: shard.pointee.expiry.afterAccess != 0 && deadline & ShardExpiry.fixedBit == 0)
    }
  }
}
