import Glibc
import Measurement
import ProcessImage

/// Reads a table, live or dead, without its writer's help. Nothing in it is trusted: areas must lie inside, indices must exist, and what
/// was being written is read again or left out.
///
/// Cost: about three copies of the areas in use, some milliseconds for 16 MiB.
public struct TableReader: Sendable {
  let source: TableSource
  let areas: Areas

  /// The places of the areas, checked.
  struct Areas: Sendable {
    struct Area: Sendable {
      let offset: Int
      let count: Int

      /// As a header says; nil where the records would lie outside of a table of `size` bytes, over its header, or are more than any table has.
      init?(offset: UInt64, count: UInt64, record: Int, most: Int, size: Int) {
        guard let offset = Int(exactly: offset), let count = Int(exactly: count), offset >= TableLayout.Header.size,
          offset % 8 == 0, count > 0, count <= most, offset <= size, count <= (size - offset) / record
        else { return nil }
        self.offset = offset
        self.count = count
      }
    }
    var modules, threads, taskNames, growths, points, sites, blockKeys, blocks, frames: Area
  }

  /// - Throws: `notATable`, `otherVersion`, `damaged`.
  public init(_ source: TableSource) throws(SamplerTableError) {
    self.source = source
    let header = source.file.bytes(at: 0, count: TableLayout.Header.size)
    guard let magic: UInt64 = header.little(at: TableLayout.Header.magic), magic == TableLayout.magic else {
      throw .notATable(path: source.path)
    }
    let version: UInt32 = header.little(at: TableLayout.Header.version) ?? 0
    guard version == TableLayout.version else { throw .otherVersion(path: source.path, version: version) }
    guard let size = header.number(TableLayout.Header.tableSize), SamplerSettings.tableSizes.contains(ByteCount(size))
    else {
      throw .damaged(path: source.path, what: "its size is out of range")
    }
    guard source.file.count >= size else { throw .damaged(path: source.path, what: "it was cut") }
    func area(_ at: Int, record: Int, most: Int) throws(SamplerTableError) -> Areas.Area {
      guard
        let area = Areas.Area(
          offset: header.word(at), count: header.word(at + 8), record: record, most: most, size: size)
      else { throw .damaged(path: source.path, what: "an area lies outside") }
      return area
    }
    areas = Areas(
      modules: try area(
        TableLayout.Header.modules, record: TableLayout.Module.size, most: TableLayout.Module.most),
      threads: try area(
        TableLayout.Header.threads, record: TableLayout.Thread.size, most: TableLayout.Thread.most),
      taskNames: try area(
        TableLayout.Header.taskNames, record: TableLayout.TaskName.size, most: TableLayout.TaskName.most),
      growths: try area(
        TableLayout.Header.growths, record: TableLayout.Growth.size, most: TableLayout.Growth.most),
      points: try area(TableLayout.Header.points, record: TableLayout.Point.size, most: TableLayout.Point.most),
      sites: try area(TableLayout.Header.sites, record: TableLayout.Site.size, most: TableLayout.Site.most),
      blockKeys: try area(TableLayout.Header.blockKeys, record: 8, most: TableLayout.Block.most),
      blocks: try area(
        TableLayout.Header.blocks, record: TableLayout.Block.recordSize, most: TableLayout.Block.most),
      frames: try area(TableLayout.Header.frames, record: 8, most: size / 8))
    guard areas.blocks.count == areas.blockKeys.count else {
      throw .damaged(path: source.path, what: "there are not as many keys as blocks")
    }
  }

  /// Reads all of it.
  ///
  /// - Parameter now: CLOCK_MONOTONIC in nanoseconds if the process still runs, to tell how old its blocks are.
  public func read(now: UInt64? = nil) throws(SamplerTableError) -> SamplerTable {
    var damage = SamplerTable.Damage()
    var patience = Patience()
    // Blocks before sites: a site counts its block before the block can be found.
    let blocks = readBlocks(&damage, &patience)
    var sites = readSites(&damage, &patience)
    let header = try readHeader()
    let points = readPoints()
    let growths = readGrowths()
    let end = now ?? max(header.lastNanoseconds, points.last?.monotonic ?? 0)
    let known = Self.addLive(blocks, to: &sites, end: end, &damage)
    return SamplerTable(
      header: header, modules: readModules(&damage), threads: readThreads(), taskNames: readTaskNames(),
      sites: sites, blocks: known,
      growths: growths, points: points, damage: damage)
  }

  /// Adds what lives to its sites; blocks of sites that are not there are dropped.
  private static func addLive(
    _ blocks: [SamplerTable.Block], to sites: inout [SamplerTable.Site], end: UInt64,
    _ damage: inout SamplerTable.Damage
  ) -> [SamplerTable.Block] {
    let places = Dictionary(sites.enumerated().map { ($1.index, $0) }, uniquingKeysWith: { first, _ in first })
    var known: [SamplerTable.Block] = []
    known.reserveCapacity(blocks.count)
    for block in blocks {
      guard let place = places[block.site] else {
        damage.badBlocks += 1
        continue
      }
      let chance = Sampling.chance(size: block.size, interval: block.interval)
      sites[place].liveSamples += 1
      sites[place].inUseCount.add(1, chance: chance)
      sites[place].inUseBytes.add(Double(block.size), chance: chance)
      if end > block.time { sites[place].liveAge += Double(end - block.time) / chance }
      known.append(block)
    }
    return known
  }
}

extension [UInt8] {
  /// A 64-bit number that fits in an Int; nil where it does not.
  func number(_ at: Int) -> Int? {
    guard let value: UInt64 = little(at: at) else { return nil }
    return Int(exactly: value)
  }

  func byte(_ at: Int) -> UInt8 { little(at: at) ?? 0 }
  func quarter(_ at: Int) -> UInt16 { little(at: at) ?? 0 }

  /// A double that can be a sum: finite and not below zero; nil otherwise.
  func sum(_ at: Int) -> Double? {
    let value = Double(bitPattern: word(at))
    return value.isFinite && value >= 0 ? value : nil
  }

  /// Text up to a NUL, without what terminals act on.
  func text(_ at: Int, _ length: Int) -> String {
    guard at >= 0, at < count, length > 0 else { return "" }
    let bytes = self[at..<Swift.min(count, at + length)].prefix { $0 != 0 }
    return String(
      String.UnicodeScalarView(
        String(decoding: bytes, as: UTF8.self).unicodeScalars.map { scalar in
          scalar.value < 0x20 || scalar.value == 0x7f ? "\u{fffd}" : scalar
        }))
  }
}
