import ProcessImage

/// Sites. Writers count each update as begun before and as ended after it; what lies between a reading of `ended` and a later one of
/// `begun` with the same number is whole.
extension TableReader {
  func readSites(_ damage: inout SamplerTable.Damage, _ patience: inout Patience) -> [SamplerTable.Site] {
    let size = areas.sites.count * TableLayout.Site.size
    let before = source.file.bytes(at: areas.sites.offset, count: size)
    let middle = source.file.bytes(at: areas.sites.offset, count: size)
    let after = source.file.bytes(at: areas.sites.offset, count: size)
    var result: [SamplerTable.Site] = []
    for index in Self.usedSites(after) {
      let offset = index * TableLayout.Site.size
      var record: [UInt8]
      if before.word(offset + TableLayout.Site.ended) == after.word(offset + TableLayout.Site.begun) {
        guard offset + TableLayout.Site.size <= middle.count else { continue }
        record = Array(middle[offset..<offset + TableLayout.Site.size])
      } else {
        record = readAgain(site: index, &damage, &patience)
      }
      if record.half(TableLayout.Site.state) == 0 { record = waitForStack(index, record, &patience) }
      guard record.half(TableLayout.Site.samples) > 0 else { continue }
      if let site = site(index, record) { result.append(site) } else { damage.badSites += 1 }
    }
    return result
  }

  /// Indices of sites that have counted something.
  private static func usedSites(_ bytes: [UInt8]) -> [Int] {
    var result: [Int] = []
    bytes.withUnsafeBytes { bytes in
      var offset = TableLayout.Site.begun
      while offset + 8 <= bytes.count {
        if bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) != 0 {
          result.append(offset / TableLayout.Site.size)
        }
        offset += TableLayout.Site.size
      }
    }
    return result
  }

  private func readAgain(
    site index: Int, _ damage: inout SamplerTable.Damage, _ patience: inout Patience
  ) -> [UInt8] {
    let offset = areas.sites.offset + index * TableLayout.Site.size
    var record: [UInt8] = []
    var attempt = 0
    while patience.allows(attempt) {
      attempt += 1
      let ended = source.file.bytes(at: offset + TableLayout.Site.ended, count: 8).word(0)
      record = source.file.bytes(at: offset, count: TableLayout.Site.size)
      if source.file.bytes(at: offset + TableLayout.Site.begun, count: 8).word(0) == ended { return record }
    }
    // The writer died in the middle, or writes without a pause: at most one sample a thread is counted in part.
    damage.unfinishedSites += 1
    return record
  }

  /// Its stack is written once, right after the site was taken; others may count in it meanwhile.
  private func waitForStack(_ index: Int, _ record: [UInt8], _ patience: inout Patience) -> [UInt8] {
    let offset = areas.sites.offset + index * TableLayout.Site.size
    var attempt = 0
    while patience.allows(attempt) {
      attempt += 1
      let stack = source.file.bytes(at: offset, count: TableLayout.Site.begun)
      if stack.half(TableLayout.Site.state) != 0, stack.count == TableLayout.Site.begun {
        return stack + record.dropFirst(TableLayout.Site.begun)
      }
    }
    return record
  }

  private func site(_ index: Int, _ record: [UInt8]) -> SamplerTable.Site? {
    guard record.count == TableLayout.Site.size,
      let allocatedCount = record.sum(TableLayout.Site.allocatedCount),
      let allocatedBytes = record.sum(TableLayout.Site.allocatedBytes),
      let countVariance = record.sum(TableLayout.Site.countVariance),
      let bytesVariance = record.sum(TableLayout.Site.bytesVariance),
      let freedCount = record.sum(TableLayout.Site.freedCount),
      let freedBytes = record.sum(TableLayout.Site.freedBytes),
      let freedAge = record.sum(TableLayout.Site.freedAge),
      let addresses = stack(record)
    else { return nil }
    let flags = record.quarter(TableLayout.Site.flags)
    let thread = record.quarter(TableLayout.Site.thread)
    let task = record.quarter(TableLayout.Site.task)
    return SamplerTable.Site(
      index: index, addresses: addresses,
      asyncFrom: min(Int(record.byte(TableLayout.Site.asyncFrom)), addresses.count),
      isCut: flags & 1 != 0, isFromUnwinder: flags & 2 != 0, isInTask: flags & 4 != 0,
      thread: thread == TableLayout.Site.several || Int(thread) >= areas.threads.count ? nil : Int(thread),
      task: task == TableLayout.Site.several || Int(task) >= areas.taskNames.count ? nil : Int(task),
      samples: Int(record.half(TableLayout.Site.samples)),
      freedSamples: Int(record.half(TableLayout.Site.freedSamples)), liveSamples: 0,
      allocatedCount: Estimate(allocatedCount, variance: countVariance),
      allocatedBytes: Estimate(allocatedBytes, variance: bytesVariance),
      freedCount: freedCount, freedBytes: freedBytes, freedAge: freedAge,
      ages: (0..<TableLayout.Site.ageClasses).map { Int(record.half(TableLayout.Site.ages + 4 * $0)) })
  }

  /// Empty for a site without one, or whose writer died before it was written.
  private func stack(_ record: [UInt8]) -> [UInt64]? {
    guard record.half(TableLayout.Site.state) != 0 else { return [] }
    let depth = Int(record.byte(TableLayout.Site.depth))
    let first = Int(record.half(TableLayout.Site.frames))
    guard depth <= TableLayout.Site.deepest, first <= areas.frames.count, depth <= areas.frames.count - first else {
      return nil
    }
    let bytes = source.file.bytes(at: areas.frames.offset + first * 8, count: depth * 8)
    guard bytes.count == depth * 8 else { return nil }
    return (0..<depth).map { bytes.word($0 * 8) }
  }
}
