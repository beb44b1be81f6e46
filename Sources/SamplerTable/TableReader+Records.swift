import ProcessImage

/// The header, and the records that are written once.
extension TableReader {
  /// The header alone.
  public func readHeader() throws(SamplerTableError) -> SamplerTable.Header {
    typealias At = TableLayout.Header
    let bytes = source.file.bytes(at: 0, count: At.size)
    guard bytes.count == At.size else { throw .damaged(path: source.path, what: "it was cut") }
    guard let state = SamplerTable.Header.State(rawValue: bytes.half(At.state)) else {
      throw .damaged(path: source.path, what: "its state is unknown")
    }
    let status = bytes.word(At.exitStatus)
    let kills = bytes.word(At.groupKills)
    return SamplerTable.Header(
      state: state, pid: Int32(truncatingIfNeeded: bytes.half(At.pid)),
      program: bytes.text(At.program, At.programSize), interval: bytes.word(At.interval),
      tableSize: bytes.word(At.tableSize), startNanoseconds: bytes.word(At.startNanoseconds),
      lastNanoseconds: bytes.word(At.lastNanoseconds), startRealtime: bytes.word(At.startRealtime),
      samples: bytes.word(At.samples), freedSamples: bytes.word(At.freedSamples),
      liveBlocks: bytes.word(At.liveBlocks), mostLiveBlocks: bytes.word(At.mostLiveBlocks),
      allocatedBytes: bytes.sum(At.allocatedBytes) ?? 0, freedBytes: bytes.sum(At.freedBytes) ?? 0,
      lostBlocks: bytes.word(At.lostBlocks), lostSites: bytes.word(At.lostSites),
      lostTaskNames: bytes.word(At.lostTaskNames),
      lostModules: bytes.word(At.lostModules), interrupted: bytes.word(At.interrupted),
      thinnings: bytes.word(At.thinnings), staleBlocks: bytes.word(At.staleBlocks),
      moduleChanges: bytes.word(At.moduleChanges), slowStacks: bytes.word(At.slowStacks),
      asyncStacks: bytes.word(At.asyncStacks), flags: SamplerTable.Flags(rawValue: bytes.word(At.flags)),
      exitStatus: status == 0 ? nil : Int32(truncatingIfNeeded: status &- 1),
      groupKills: kills == 0 ? nil : kills - 1,
      sitesUsed: Int(clamping: bytes.word(At.sitesUsed)), sitesRoom: areas.sites.count / 8 * 7)
  }

  func readModules(_ damage: inout SamplerTable.Damage) -> [SamplerTable.Module] {
    typealias At = TableLayout.Module
    let used = source.file.bytes(at: TableLayout.Header.modulesUsed, count: 8).number(0) ?? 0
    var result: [SamplerTable.Module] = []
    for index in 0..<min(used, areas.modules.count) {
      let bytes = source.file.bytes(at: areas.modules.offset + index * At.size, count: At.size)
      let start = bytes.word(At.start)
      let end = bytes.word(At.end)
      let textStart = bytes.word(At.textStart)
      let textEnd = bytes.word(At.textEnd)
      let idSize = Int(bytes.half(At.buildIDSize))
      guard bytes.count == At.size, bytes.word(At.version) == 2, start < end, start <= textStart, textStart < textEnd,
        textEnd <= end, idSize <= At.longestBuildID
      else {
        damage.badModules += 1
        continue
      }
      let id = bytes[At.buildID..<At.buildID + idSize]
      let flags = bytes.half(At.flags)
      let unloaded = bytes.word(At.unloaded)
      result.append(
        SamplerTable.Module(
          path: bytes.text(At.path, At.size - At.path), buildID: hexString(id), start: start, end: end,
          bias: bytes.word(At.bias), text: textStart..<textEnd, textOffset: bytes.word(At.textOffset),
          loaded: bytes.word(At.loaded),
          unloaded: unloaded == 0 ? nil : unloaded, hasFramePointers: flags & 1 == 0, isExecutable: flags & 4 != 0))
    }
    return result
  }

  func readThreads() -> [SamplerTable.Thread] {
    typealias At = TableLayout.Thread
    let used = source.file.bytes(at: TableLayout.Header.threadsUsed, count: 8).number(0) ?? 0
    let count = max(min(used, areas.threads.count), 0)
    let bytes = source.file.bytes(at: areas.threads.offset, count: count * At.size)
    return (0..<bytes.count / At.size).map { index in
      SamplerTable.Thread(
        id: Int32(truncatingIfNeeded: bytes.half(index * At.size + At.id)),
        name: bytes.text(index * At.size + At.name, At.nameSize))
    }
  }

  /// By index; empty where there is none, or where it is being written.
  func readTaskNames() -> [String] {
    typealias At = TableLayout.TaskName
    let bytes = source.file.bytes(at: areas.taskNames.offset, count: areas.taskNames.count * At.size)
    return (0..<bytes.count / At.size).map { index in
      let record = index * At.size
      guard index > 0, bytes.half(record + At.state) == 1 else { return "" }
      return bytes.text(record + At.name, min(Int(bytes.half(record + At.length)), At.nameSize))
    }
  }

  func readGrowths() -> [SamplerTable.Growth] {
    typealias At = TableLayout.Growth
    return ring(areas.growths, record: At.size).compactMap { bytes in
      guard let kind = SamplerTable.Growth.Kind(rawValue: bytes.half(At.kind)) else { return nil }
      return SamplerTable.Growth(
        kind: kind, time: bytes.word(At.time), site: Int(bytes.half(At.site)), thread: Int(bytes.half(At.thread)),
        step: bytes.word(At.step), total: bytes.word(At.total))
    }
  }

  func readPoints() -> [SamplerTable.Point] {
    typealias At = TableLayout.Point
    return ring(areas.points, record: At.size).map { bytes in
      func known(_ at: Int) -> UInt64? {
        let value = bytes.word(at)
        return value == At.unknown ? nil : value
      }
      return SamplerTable.Point(
        realtime: bytes.word(At.realtime), monotonic: bytes.word(At.monotonic), rss: known(At.rss),
        limit: known(At.limit), groupUsage: known(At.groupUsage), swap: known(At.swap), anonymous: known(At.anonymous),
        threads: known(At.threads), allocatedBytes: bytes.sum(At.allocatedBytes) ?? 0,
        freedBytes: bytes.sum(At.freedBytes) ?? 0, samples: bytes.word(At.samples),
        liveBlocks: bytes.word(At.liveBlocks), interval: bytes.word(At.interval))
    }
  }

  /// The records of a ring, oldest first. Each begins with its number, which is 0 while it is written and the same before and after.
  private func ring(_ area: Areas.Area, record size: Int) -> [[UInt8]] {
    let before = source.file.bytes(at: area.offset, count: area.count * size)
    let after = source.file.bytes(at: area.offset, count: area.count * size)
    var result: [(UInt64, [UInt8])] = []
    for index in 0..<before.count / size {
      let sequence = before.word(index * size)
      guard sequence != 0, after.word(index * size) == sequence, (sequence - 1) % UInt64(area.count) == UInt64(index)
      else { continue }
      result.append((sequence, Array(before[index * size..<(index + 1) * size])))
    }
    return result.sorted { $0.0 < $1.0 }.map(\.1)
  }
}
