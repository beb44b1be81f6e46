import Foundation
import TestSupport
import Testing

/// memwhy inside of its target's control group, as in a container: what it allocates is charged to the same limit.
@Suite(.serialized, .timeLimit(.minutes(10))) struct SharedLimitTests {
  /// A program with many small blocks in a group of its own. Ended with its group when the test ends.
  private final class Container {
    let group: TestGroup
    let target: RunningProgram
    let blocks: Int

    /// - Returns: nil where there are no control groups.
    init?(blocks: Int) throws {
      guard let group = TestGroup(controller: "memory") else { return nil }
      self.group = group
      self.blocks = blocks
      let (program, arguments) = group.command(try TestProgram.path("manyblocks.c", .c(["-O1"])), ["\(blocks)"])
      target = try RunningProgram(program, arguments)
      // In version 2 the kernel then ends the target together with whoever it chose.
      group.write("memory.oom.group", "1")
    }

    func leave(mebibytes: UInt64) {
      let limit = group.memoryUsage + mebibytes << 20
      group.limitMemory(limit)
      group.write(
        group.isUnified ? "memory.swap.max" : "memory.memsw.limit_in_bytes", group.isUnified ? "0" : "\(limit)")
    }

    func memwhy(_ words: [String], environment: [String: String] = [:]) throws -> Command.Result {
      let (tool, arguments) = group.command(try MemwhyBinary.path(), words)
      let environment = environment.merging(["NO_COLOR": "1"]) { $1 }
      return try Command.run(tool, arguments, environment: environment, timeout: 300)
    }

    var isUnharmed: Bool { target.isRunning && group.outOfMemoryKills ?? 0 == 0 }

    deinit {
      group.endAll()
      target.stop()
      group.remove()
    }
  }

  /// - Parameter room: MiB that the limit leaves: too little to begin, and too little for a copy in memwhy.
  @Test(arguments: [("cow", 10), ("stop", 10), ("none", 10), ("stop", 40)])
  func memwhyDoesNotBeginWithoutRoom(freeze: String, room: UInt64) throws {
    guard let container = try Container(blocks: 500_000) else { return }
    container.leave(mebibytes: room)
    let result = try container.memwhy(["leaks", "\(container.target.pid)", "--freeze", freeze])
    #expect(result.status == 77, "\(result.status): \(result.errors)")
    let reason = room < 24 ? "of room, and memwhy shares" : "start memwhy outside of it, or use --freeze none"
    #expect(result.errors.contains(reason) && result.errors.contains(container.group.path), "\(result.errors)")
    #expect(container.isUnharmed)
  }

  /// The room goes while memwhy is at work.
  @Test func memwhyEndsBeforeTheKernelEndsAnybody() throws {
    guard let container = try Container(blocks: 500_000) else { return }
    container.leave(mebibytes: 200)
    let (tool, words) = container.group.command(
      try MemwhyBinary.path(), ["diagnose", "--for", "10s", "\(container.target.pid)"])
    let memwhy = try RunningProgram(
      tool, words, environment: ["NO_COLOR": "1"], ready: "about to pause", timeout: 100, mergeErrors: true)
    defer { memwhy.stop() }
    // The look itself takes less than this.
    usleep(3_000_000)
    container.leave(mebibytes: 6)
    #expect(eventually(within: 80) { !memwhy.isRunning })
    // What it had given back may be enough for a count.
    let pieces = memwhy.output.components(separatedBy: "Begun again")
    #expect(pieces.count == 2 && pieces[0].contains("given up: memwhy shares"), "\(memwhy.output)")
    #expect(container.isUnharmed)
  }

  /// What a command does that has begun again.
  @Test(arguments: [["heap"], ["leaks"], ["diagnose", "--once"]])
  func whatTookTooMuchIsCounted(words: [String]) throws {
    guard let container = try Container(blocks: 500_000) else { return }
    container.leave(mebibytes: 400)
    let arguments = words + ["--json", "\(container.target.pid)"]
    let result = try container.memwhy(arguments, environment: ["MEMWHY_COUNT_ONLY": "1"])
    #expect(result.status == 0, "\(result.errors)")
    let report = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    #expect((report?["heap"] as? [String: Any])?["blocks"] as? Int ?? 0 >= container.blocks)
    #expect((report?["leaks"] as? [String: Any])?["isJudged"] as? Bool == false, "\(result.output.prefix(2000))")
    #expect(result.output.contains("went meanwhile"))
    #expect(container.isUnharmed)
  }

  /// Blocks by type take the same few megabytes however many there are, and leaks a byte or two for each; who holds what would take 160 MiB.
  @Test(arguments: [
    ["heap"], ["heap", "--freeze", "none"], ["leaks"], ["diagnose", "--once"], ["diagnose", "--for", "2s"],
  ])
  func withLittleRoomLeaksAreJudged(words: [String]) throws {
    guard let container = try Container(blocks: 1_200_000) else { return }
    container.leave(mebibytes: 64)
    let result = try container.memwhy(words + ["--json", "\(container.target.pid)"])
    #expect(result.status == 0, "\(result.errors)")
    let report = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    let heap = report?["heap"] as? [String: Any]
    #expect(heap?["blocks"] as? Int ?? 0 >= container.blocks, "\(result.output.prefix(2000))")
    let census = report?["census"] as? [[String: Any]] ?? []
    #expect(census.first?["type"] as? String == "malloc(24)")
    #expect(census.first?["count"] as? Int ?? 0 >= container.blocks)
    let leaks = report?["leaks"] as? [String: Any]
    let isJudged = leaks?["isJudged"] as? Bool
    #expect(isJudged == (words[0] != "heap"), "\(result.output.prefix(2000))")
    let groups = leaks?["groups"] as? [Any] ?? []
    #expect(groups.isEmpty)
    // Why there is no more is said once: two looks are for who holds what, too.
    let shortages = result.output.components(separatedBy: "to spare").count - 1
    #expect(shortages == (words[0] == "heap" || words.contains("--for") ? 1 : 0), "\(result.output)")
    #expect(container.isUnharmed)
  }

  /// Where there is no room for a copy either, the running process is counted.
  @Test func withoutRoomForACopyBlocksAreCounted() throws {
    guard let container = try Container(blocks: 5_000_000) else { return }
    container.leave(mebibytes: 64)
    let words = ["--cow-budget", "1GiB", "--json", "\(container.target.pid)"]
    let result = try container.memwhy(["diagnose", "--for", "2s"] + words)
    #expect(result.status == 0, "\(result.errors)")
    let report = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    #expect(((report?["heap"] as? [String: Any])?["blocks"] as? Int ?? 0) >= container.blocks)
    #expect((report?["target"] as? [String: Any])?["source"] as? String == "running")
    #expect((report?["remarks"] as? [String] ?? []).contains { $0.contains("a copy of process") })
    // Who holds what, and leaks, need one.
    for verb in ["leaks", "retained"] {
      let result = try container.memwhy([verb] + words)
      #expect(result.status == 77 && result.errors.contains("a copy of process"), "\(result.errors)")
    }
    #expect(container.isUnharmed)
  }

  /// Who holds what takes more than leaks do: with room for these they are judged, and a sample says who holds what.
  @Test func withSomeRoomLeaksAreJudged() throws {
    guard let container = try Container(blocks: 1_000_000) else { return }
    container.leave(mebibytes: 140)
    let result = try container.memwhy(["diagnose", "--for", "2s", "--json", "\(container.target.pid)"])
    #expect(result.status == 0, "\(result.errors)")
    let report = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    #expect((report?["leaks"] as? [String: Any])?["isJudged"] as? Bool == true, "\(result.output.prefix(2000))")
    #expect((report?["remarks"] as? [String] ?? []).contains { $0.contains("who holds what was told from") })
    let retained = try container.memwhy(["retained", "--json", "\(container.target.pid)"])
    #expect(retained.status == 0, "\(retained.errors)")
    let answer = try JSONSerialization.jsonObject(with: Data(retained.output.utf8)) as? [String: Any]
    let holders = (answer?["retained"] as? [String: Any])?["holders"] as? [[String: Any]] ?? []
    #expect(
      (holders.first?["retainedBytes"] as? Int ?? 0) >= container.blocks * 23, "\(retained.output.prefix(2000))")
    #expect((answer?["remarks"] as? [String] ?? []).contains { $0.contains("who holds what was told from") })
    // Nothing less than all references is an answer, and it is refused before they are looked for.
    let tasks = try container.memwhy(["tasks", "\(container.target.pid)"])
    #expect(
      tasks.status == 77 && tasks.errors.contains("to spare") && tasks.errors.contains("room for `memwhy retained`"),
      "\(tasks.errors)")
    #expect(container.isUnharmed)
  }
}
