import Measurement
import ProcessImage

/// Blocks that live. A key names a block and a generation; a block is taken if its key was the same before and after.
extension TableReader {
  func readBlocks(_ damage: inout SamplerTable.Damage, _ patience: inout Patience) -> [SamplerTable.Block] {
    let before = source.file.bytes(at: areas.blockKeys.offset, count: areas.blockKeys.count * 8)
    let records = source.file.bytes(
      at: areas.blocks.offset, count: areas.blocks.count * TableLayout.Block.recordSize)
    let after = source.file.bytes(at: areas.blockKeys.offset, count: areas.blockKeys.count * 8)
    var result: [SamplerTable.Block] = []
    for (place, first, second) in Self.usedPlaces(before, after) {
      if first == second, Self.isBlock(first) {
        guard let block = Self.block(key: first, records, at: place * TableLayout.Block.recordSize) else {
          damage.badBlocks += 1
          continue
        }
        result.append(block)
      } else if let block = readAgain(place, &damage, &patience) {
        result.append(block)
      }
    }
    result.sort { $0.address < $1.address }
    return result
  }

  /// Places whose key says that there is a block, before or after.
  private static func usedPlaces(_ before: [UInt8], _ after: [UInt8]) -> [(Int, UInt64, UInt64)] {
    var result: [(Int, UInt64, UInt64)] = []
    before.withUnsafeBytes { before in
      after.withUnsafeBytes { after in
        let count = min(before.count, after.count) / 8
        var place = 0
        while place < count {
          let first = UInt64(littleEndian: before.loadUnaligned(fromByteOffset: place * 8, as: UInt64.self))
          let second = UInt64(littleEndian: after.loadUnaligned(fromByteOffset: place * 8, as: UInt64.self))
          if (first | second) >> TableLayout.Block.generationBits != 0 { result.append((place, first, second)) }
          place += 1
        }
      }
    }
    return result
  }

  private static func isBlock(_ key: UInt64) -> Bool {
    let address = key >> TableLayout.Block.generationBits
    return address != 0 && address != TableLayout.Block.writing
  }

  /// A place that changed while it was read: another block may be there now, or none.
  private func readAgain(
    _ place: Int, _ damage: inout SamplerTable.Damage, _ patience: inout Patience
  ) -> SamplerTable.Block? {
    var attempt = 0
    while patience.allows(attempt) {
      attempt += 1
      let first = source.file.bytes(at: areas.blockKeys.offset + place * 8, count: 8).word(0)
      guard first >> TableLayout.Block.generationBits != 0 else { return nil }
      guard Self.isBlock(first) else { continue }
      let record = source.file.bytes(
        at: areas.blocks.offset + place * TableLayout.Block.recordSize, count: TableLayout.Block.recordSize)
      guard source.file.bytes(at: areas.blockKeys.offset + place * 8, count: 8).word(0) == first else { continue }
      let block = Self.block(key: first, record, at: 0)
      if block == nil { damage.badBlocks += 1 }
      return block
    }
    damage.unfinishedBlocks += 1
    return nil
  }

  private static func block(key: UInt64, _ bytes: [UInt8], at offset: Int) -> SamplerTable.Block? {
    let size = bytes.word(offset + TableLayout.Block.size)
    let interval = bytes.word(offset + TableLayout.Block.interval)
    guard size < 1 << 48, SamplerSettings.intervals.contains(ByteCount(interval)) else { return nil }
    return SamplerTable.Block(
      address: (key >> TableLayout.Block.generationBits) << 3, size: size,
      time: bytes.word(offset + TableLayout.Block.time), interval: interval,
      site: Int(bytes.half(offset + TableLayout.Block.site)),
      thread: Int(bytes.quarter(offset + TableLayout.Block.thread)),
      task: Int(bytes.quarter(offset + TableLayout.Block.task)))
  }
}
