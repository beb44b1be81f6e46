import Foundation
import TestSupport
import Testing

@testable import SamplerTable

@Suite(.serialized) struct ReaderTests {
  @Test func theReaderKnowsTheWritersLayout() throws {
    let header = TestProgram.packageRoot.appendingPathComponent("Sources/CMemwhySampler/include/memwhy_table.h")
    // The program is built once per content; its header counts too.
    let sum = try Data(contentsOf: header).reduce(UInt64(7)) { $0 &* 31 &+ UInt64($1) }
    let program = try TestProgram.path("sampler/layout.c", .c(["-DHEADER_SUM=\(sum)"]))
    let lines = try TestProgram.run(program, []).split(separator: "\n").map { $0.split(separator: " ") }
    let written = Dictionary(uniqueKeysWithValues: lines.map { (String($0[0]), Int($0[1]) ?? -1) })
    typealias H = TableLayout.Header
    typealias M = TableLayout.Module
    typealias P = TableLayout.Point
    typealias S = TableLayout.Site
    typealias B = TableLayout.Block
    let read: [String: Int] = [
      "header": H.size, "module": M.size, "thread": TableLayout.Thread.size, "growth": TableLayout.Growth.size,
      "task_name": TableLayout.TaskName.size, "point": P.size, "site": S.size, "block": B.recordSize,
      "header.version": H.version, "header.table_size": H.tableSize, "header.state": H.state, "header.pid": H.pid,
      "header.interval": H.interval, "header.start_nanoseconds": H.startNanoseconds,
      "header.start_realtime": H.startRealtime, "header.last_nanoseconds": H.lastNanoseconds,
      "header.modules": H.modules, "header.threads": H.threads, "header.growths": H.growths, "header.points": H.points,
      "header.sites": H.sites, "header.block_keys": H.blockKeys, "header.blocks": H.blocks, "header.frames": H.frames,
      "header.modules_used": H.modulesUsed, "header.threads_used": H.threadsUsed,
      "header.growths_used": H.growthsUsed, "header.points_used": H.pointsUsed, "header.sites_used": H.sitesUsed,
      "header.live_blocks": H.liveBlocks, "header.most_live_blocks": H.mostLiveBlocks, "header.samples": H.samples,
      "header.freed_samples": H.freedSamples, "header.allocated_bytes": H.allocatedBytes,
      "header.freed_bytes": H.freedBytes, "header.lost_blocks": H.lostBlocks, "header.lost_sites": H.lostSites,
      "header.lost_modules": H.lostModules, "header.interrupted": H.interrupted, "header.thinnings": H.thinnings,
      "header.stale_blocks": H.staleBlocks, "header.module_changes": H.moduleChanges,
      "header.slow_stacks": H.slowStacks, "header.async_stacks": H.asyncStacks, "header.flags": H.flags,
      "header.exit_status": H.exitStatus, "header.program": H.program, "header.task_names": H.taskNames,
      "header.task_names_used": H.taskNamesUsed, "header.lost_task_names": H.lostTaskNames,
      "header.group_kills": H.groupKills,
      "task_name.hash": TableLayout.TaskName.hash, "task_name.state": TableLayout.TaskName.state,
      "task_name.length": TableLayout.TaskName.length, "task_name.name": TableLayout.TaskName.name,
      "module.start": M.start, "module.end": M.end, "module.bias": M.bias, "module.text_start": M.textStart,
      "module.text_end": M.textEnd, "module.text_offset": M.textOffset, "module.loaded": M.loaded,
      "module.unloaded": M.unloaded, "module.build_id_size": M.buildIDSize, "module.flags": M.flags,
      "module.build_id": M.buildID, "module.path": M.path,
      "thread.tid": TableLayout.Thread.id, "thread.name": TableLayout.Thread.name,
      "thread.first": TableLayout.Thread.first,
      "growth.time": TableLayout.Growth.time, "growth.kind": TableLayout.Growth.kind,
      "growth.site": TableLayout.Growth.site, "growth.thread": TableLayout.Growth.thread,
      "growth.step": TableLayout.Growth.step, "growth.total": TableLayout.Growth.total,
      "point.realtime": P.realtime, "point.monotonic": P.monotonic, "point.rss": P.rss, "point.limit": P.limit,
      "point.group_usage": P.groupUsage, "point.allocated_bytes": P.allocatedBytes, "point.freed_bytes": P.freedBytes,
      "point.samples": P.samples, "point.live_blocks": P.liveBlocks, "point.interval": P.interval,
      "point.threads": P.threads, "point.swap": P.swap, "point.anonymous": P.anonymous,
      "site.hash": S.hash, "site.state": S.state, "site.frames": S.frames, "site.depth": S.depth,
      "site.async_from": S.asyncFrom, "site.task": S.task, "site.flags": S.flags, "site.thread": S.thread,
      "site.begun": S.begun,
      "site.ended": S.ended, "site.allocated_count": S.allocatedCount, "site.allocated_bytes": S.allocatedBytes,
      "site.count_variance": S.countVariance, "site.bytes_variance": S.bytesVariance, "site.freed_count": S.freedCount,
      "site.freed_bytes": S.freedBytes, "site.freed_age": S.freedAge, "site.samples": S.samples,
      "site.freed_samples": S.freedSamples, "site.ages": S.ages,
      "block.time": B.time, "block.size": B.size, "block.interval": B.interval, "block.site": B.site,
      "block.thread": B.thread, "block.task": B.task,
    ]
    for (name, offset) in written { #expect(read[name] == offset, "\(name) is at \(offset)") }
    #expect(written.count == read.count)
  }

  /// Two threads allocate as fast as they can, every allocation is taken, and each place has one size: a torn record shows. Without a rest
  /// between their bursts, records may be left out at every reading, but never torn; the reader gives up on each after 0.1 s and more.
  @Test(arguments: [("bursts", 10_000), ("flat", 50)])
  func aTableThatIsWrittenFlatOutIsNeverTorn(_ writing: String, _ readings: Int) throws {
    let run = try SamplerRun(interval: 1, tableSize: 1 << 20)
    let program = try RunningProgram(try KnownProgram.path(), [writing, "300"], environment: run.environment)
    defer { program.stop() }
    let sizes: [String: Double] = ["small": 48, "mixed": 1000, "large": 4096, "brief": 256]
    let places = KnownPlace.parse(program.output)
    try #require(places.count == 4)
    let reader = try TableReader(TableSource(path: run.table))
    var torn = 0
    var unfinished = 0
    let first = try reader.readHeader().samples
    for _ in 0..<readings {
      let table = try reader.read()
      let damage = table.damage
      torn += damage.badSites + damage.badBlocks + damage.badModules
      unfinished += damage.unfinishedSites + damage.unfinishedBlocks
      for place in places {
        guard let size = sizes[place.name] else { continue }
        for site in place.sites(table) {
          let isWhole =
            site.allocatedBytes.value == site.allocatedCount.value * size
            && site.freedBytes == site.freedCount * size && site.inUseBytes.value == site.inUseCount.value * size
            && site.samples >= site.liveSamples
          // A record that could not be read whole is counted above, and said.
          if !isWhole && damage.unfinishedSites == 0 { torn += 1 }
          for block in table.blocks where block.site == site.index && Double(block.size) != size { torn += 1 }
        }
      }
    }
    let samples = try reader.readHeader().samples - first
    #expect(torn == 0)
    #expect(writing == "flat" || unfinished < 100, "\(unfinished) records were never still for long enough")
    #expect(samples > 10_000, "the program did not allocate while it was read")
  }

  @Test func damagedTablesAreReadOrRefused() throws {
    let run = try SamplerRun(interval: 1, tableSize: 1 << 20)
    _ = try run.run(try KnownProgram.path(), ["totals", "1"])
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: run.table)))
    let header = try TableReader(TableSource(bytes: bytes)).read()
    #expect(header.damage.isEmpty)
    let sites = bytes.count / 4
    let rounds = Mutation.rounds(600, seconds: 20) { generator in
      let damaged = Mutation.damaged(bytes, hot: [0..<700, 4096..<8192, sites..<sites + 65536], using: &generator)
      guard let reader = try? TableReader(TableSource(bytes: damaged)), let table = try? reader.read() else { return }
      // What comes out must be usable without a trap.
      for site in table.sites { _ = (Lifetime.of(site), site.frames.map(\.lookupAddress)) }
      _ = ProfileExport.profile(of: table)
      _ = table.churn()
    }
    #expect(rounds >= 60)
  }

  /// What a writer that died in the middle leaves: a site that was begun and not ended, one without its stack, a block that is being written.
  @Test func halfWrittenRecordsAreCountedAndLeftOut() throws {
    let run = try SamplerRun(interval: 1, tableSize: 1 << 20)
    _ = try run.run(try KnownProgram.path(), ["totals", "1"])
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: run.table)))
    let reader = try TableReader(TableSource(bytes: bytes))
    let whole = try reader.read()
    func put(_ value: UInt64, _ at: Int) {
      withUnsafeBytes(of: value.littleEndian) { for (index, byte) in $0.enumerated() { bytes[at + index] = byte } }
    }
    let site = try #require(whole.sites.last)
    let record = reader.areas.sites.offset + site.index * TableLayout.Site.size
    put(bytes.word(record + TableLayout.Site.begun) + 1, record + TableLayout.Site.begun)
    let other = try #require(whole.sites.dropLast().last)
    let second = reader.areas.sites.offset + other.index * TableLayout.Site.size
    for index in 0..<4 { bytes[second + TableLayout.Site.state + index] = 0 }
    let place = try #require(
      (0..<reader.areas.blockKeys.count).first { bytes.word(reader.areas.blockKeys.offset + $0 * 8) >> 11 != 0 })
    put(TableLayout.Block.writing << TableLayout.Block.generationBits, reader.areas.blockKeys.offset + place * 8)
    let half = try TableReader(TableSource(bytes: bytes)).read()
    #expect(half.damage.unfinishedSites == 1 && half.damage.unfinishedBlocks == 1, "\(half.damage)")
    #expect(half.sites.count == whole.sites.count && half.blocks.count == whole.blocks.count - 1)
    #expect(half.site(at: other.index)?.addresses.isEmpty == true)
    #expect(half.site(at: site.index)?.samples == site.samples)
  }

  /// A table that says of every record that it is being written is read in seconds, and not with a wait for each.
  @Test func aTableFullOfHalfWrittenRecordsIsNotWaitedFor() throws {
    let run = try SamplerRun(interval: 1, tableSize: 1 << 20)
    _ = try run.run("/bin/true")
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: run.table)))
    let areas = try TableReader(TableSource(bytes: bytes)).areas
    for site in 0..<areas.sites.count {
      bytes[areas.sites.offset + site * TableLayout.Site.size + TableLayout.Site.begun] = 9
    }
    for place in 0..<areas.blockKeys.count {
      for byte in 1..<8 { bytes[areas.blockKeys.offset + place * 8 + byte] = 0xff }
      bytes[areas.blockKeys.offset + place * 8 + 1] = 0xf8
    }
    try #require(areas.sites.count + areas.blockKeys.count > 2_000)
    var damage = SamplerTable.Damage()
    let time = try ContinuousClock().measure { damage = try TableReader(TableSource(bytes: bytes)).read().damage }
    // Each by itself would be waited for a tenth of a second.
    #expect(time < .seconds(60), "\(time)")
    #expect(damage.unfinishedSites == areas.sites.count, "\(damage)")
    #expect(damage.unfinishedBlocks == areas.blockKeys.count, "\(damage)")
  }

  @Test func whatIsNoTableIsRefused() throws {
    let run = try SamplerRun(interval: 1, tableSize: 1 << 20)
    _ = try run.run("/bin/true")
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: run.table)))
    #expect(throws: SamplerTableError.notATable(path: "x")) {
      try TableReader(TableSource(bytes: [1, 2, 3], path: "x"))
    }
    #expect(throws: SamplerTableError.damaged(path: "x", what: "it was cut")) {
      try TableReader(TableSource(bytes: Array(bytes.prefix(bytes.count - 1)), path: "x"))
    }
    bytes[8] = 9
    #expect(throws: SamplerTableError.otherVersion(path: "x", version: 9)) {
      try TableReader(TableSource(bytes: bytes, path: "x"))
    }
    #expect(throws: SamplerTableError.unreadable(path: "/nowhere", code: ENOENT)) { try TableSource(path: "/nowhere") }
    #expect(throws: SamplerTableError.notSampled(pid: getpid())) { try TableSource(pid: getpid()) }
    #expect(throws: SamplerTableError.cannotCreate(path: "/nowhere/t", code: ENOENT)) {
      try TableFile(path: "/nowhere/t", name: "", size: 1 << 20)
    }
  }
}
