import Foundation
import TestSupport
import Testing

@testable import ProcessImage

/// What a freeze costs the target: memory near its limit, memory charged by reading, and the pause.
@Suite(.serialized) struct FreezeCostTests {
  private struct Case: CustomTestStringConvertible {
    var mebibytes = 384
    var percent: Double
    var writes: Bool
    var testDescription: String { "\(mebibytes) MiB, \(percent) %, \(writes ? "with" : "without") a writer" }
  }
  /// In the last two there is room for a copy with less than the usual budget.
  private static let cases =
    [90, 95, 99, 99.9].flatMap { percent in
      [Case(percent: percent, writes: false), Case(percent: percent, writes: true)]
    } + [
      Case(mebibytes: 768, percent: 94.2, writes: false), Case(mebibytes: 768, percent: 94.2, writes: true),
    ]

  @Test(arguments: cases) private func targetSurvivesNearItsLimit(given: Case) throws {
    guard let group = TestGroup(controller: "memory") else { return }
    defer { group.remove() }
    let target = try SequenceProgram(
      mebibytes: given.mebibytes, mode: given.writes ? "dirty" : "quiet", command: group.command)
    defer { target.program.stop() }
    usleep(100_000)
    group.limitMemory(UInt64(Double(group.memoryUsage) / given.percent * 100))
    let outcome: String
    do throws(FreezeError) {
      let frozen = try FrozenProcess.freeze(target.pid)
      var read: UInt64 = 0
      let deadline = Date().addingTimeInterval(1)
      // Reads on, as an analysis would, until the copy is given up or a second has passed.
      reading: while Date() < deadline {
        for range in frozen.presentPages.ranges where Date() < deadline {
          let count = Int(min(range.upperBound - range.lowerBound, 1 << 20))
          guard (try? frozen.memory.bytes(at: range.lowerBound, count: count)) != nil else { break reading }
          read += UInt64(count)
        }
      }
      outcome =
        frozen.failure ?? "\(read >> 20) MiB were read in \(frozen.report.measuredPause / 1000) us of pause"
      #expect(frozen.release() == [])
    } catch {
      switch error {
      case .noHeadroom(target.pid, _, let needed, let available, _): #expect(needed > available)
      // The writer was faster than the reading of the copy's maps.
      case .copyFailed(target.pid, let reason): #expect(given.writes && reason.contains("memory limit came too near"))
      default: Issue.record("\(error)")
      }
      outcome = "\(error)"
    }
    print(given.testDescription + ":", outcome)
    usleep(50_000)
    #expect(target.program.isRunning, "the target died")
    #expect(children(of: target.pid).isEmpty)
    // Without a limit in the way it still works.
    group.limitMemory(nil)
    let frozen = try FrozenProcess.freeze(target.pid)
    #expect(try target.isConsistent(frozen.memory))
    #expect(frozen.release() == [])
  }

  /// The kernel charges a record for each mapping of the copy: many of them take more than all page tables.
  @Test func mappingsAreReckonedWith() throws {
    guard let group = TestGroup(controller: "memory") else { return }
    defer { group.remove() }
    let path = try TestProgram.path("mappings.c", .c(["-O1"]))
    let (tool, arguments) = group.command(path, ["60000"])
    let program = try RunningProgram(tool, arguments)
    defer { program.stop() }
    let before = group.memoryUsage
    let outlook = FreezeOutlook(of: try Procfs.target(program.pid))
    #expect(outlook.refusal == nil)
    let needed = try #require(outlook.needed)
    let frozen = try FrozenProcess.freeze(program.pid)
    let charged = group.memoryUsage - min(before, group.memoryUsage)
    #expect(frozen.release() == [])
    print("a copy of 60,000 mappings: \(charged >> 10) KiB, reckoned \(needed >> 10) KiB")
    #expect(charged < needed, "the kernel charged \(charged) bytes")
    // Room for page tables and what programs write meanwhile, and not for the records.
    group.limitMemory(group.memoryUsage + (22 << 20))
    #expect { try FrozenProcess.freeze(program.pid) } throws: { error in
      if case FreezeError.noHeadroom = error { true } else { false }
    }
    #expect(program.isRunning, "the target died")
  }

  @Test func readingIsNotChargedToTheTarget() throws {
    guard let group = TestGroup(controller: "memory") else { return }
    defer { group.remove() }
    let target = try SequenceProgram(mebibytes: 512, mode: "quiet", command: group.command)
    defer { target.program.stop() }
    usleep(100_000)
    let before = group.memoryUsage
    let frozen = try FrozenProcess.freeze(target.pid)
    var read: UInt64 = 0
    var peak = group.memoryUsage
    for range in frozen.presentPages.ranges {
      var address = range.lowerBound
      while address < range.upperBound {
        let count = Int(min(range.upperBound - address, 4 << 20))
        _ = try frozen.memory.bytes(at: address, count: count)
        address += UInt64(count)
        read += UInt64(count)
        peak = max(peak, group.memoryUsage)
      }
    }
    // Never touched memory, too.
    _ = try frozen.memory.bytes(at: target.untouched, count: 64 << 20)
    peak = max(peak, group.memoryUsage)
    let charged = peak > before ? peak - before : 0
    print("read \(read >> 20) MiB; \(charged >> 10) KiB more were charged to the target's group at the most")
    #expect(read >= 512 << 20)
    #expect(Double(charged) < 0.01 * Double(512 << 20))
    #expect(frozen.release() == [])
    #expect(eventually(within: 5) { group.memoryUsage < before + (512 << 20) / 500 })
  }

  /// Only reports: times on a shared host prove nothing.
  @Test func pauseBesidePlainFork() throws {
    let target = try SequenceProgram(mebibytes: 512, mode: "quiet")
    let forks = try TestProgram.path("forks.c", .c(["-O1"]))
    var pauses: [UInt64] = []
    var plain: [UInt64] = []
    for _ in 0..<5 {
      let frozen = try FrozenProcess.freeze(target.pid)
      pauses.append(frozen.report.measuredPause)
      #expect(frozen.release() == [])
      let result = try Command.run(forks, ["512", "1"])
      plain += result.output.split(separator: "\n").compactMap { UInt64($0) }
    }
    pauses.sort()
    plain.sort()
    try #require(pauses.count == 5 && plain.count == 5)
    func text(_ values: [UInt64]) -> String { values.map { "\($0 / 100_000)" }.joined(separator: " ") }
    print("512 MiB of 4 KiB pages, tenths of a ms: pause \(text(pauses)), plain fork \(text(plain))")
    print("predicted:", try FreezeOutlook(of: Procfs.target(target.pid)).predictedPause / 100_000)
  }

  @Test func targetIsUnharmedByManyFreezes() throws {
    let target = try SelfCheckingProgram()
    let rounds = 60
    for round in 0..<rounds {
      let frozen = try FrozenProcess.freeze(target.pid)
      var values: [UInt64] = []
      for index in 0..<target[.counters] {
        values.append(try frozen.memory.load(UInt64.self, at: target[.heap] + index * target[.stride] + 64))
      }
      #expect(zip(values, values.dropFirst()).allSatisfy { $0 >= $1 } && values[0] - values[values.count - 1] <= 1)
      #expect(frozen.release() == [], "round \(round)")
      #expect(children(of: target.pid).isEmpty)
      #expect(target[.errors] == 0, "round \(round): \(target.message)")
    }
    #expect(target.sum(.interrupted) == 0)
    #expect(target.makesProgress())
    print("\(rounds) freezes: short transfers \(target.sum(.short)), longest gap \(target[.longestGap] / 1000) us")
    let verdict = target.finish()
    #expect(verdict.hasPrefix("PASS"), "\(verdict)")
  }

  /// Children that come and go wake sleeping threads, even where SIGCHLD is ignored.
  @Test func targetThatSpawnsIsUnharmed() throws {
    let target = try SelfCheckingProgram(["calls", "spawns"])
    for _ in 0..<30 { #expect(try FrozenProcess.freeze(target.pid).release() == []) }
    #expect(target.sum(.interrupted) == 0)
    let verdict = target.finish()
    #expect(verdict.hasPrefix("PASS"), "\(verdict)")
  }

  @Test func registersHoldWhatTheThreadPutThere() throws {
    let seed: UInt64 = 0x6b5a_4938_2716_0000
    let program = try RunningProgram(
      try TestProgram.path("known_registers.c", .c(["-O1", "-pthread"])), [String(seed, radix: 16)])
    let frozen = try FrozenProcess.freeze(program.pid)
    defer { frozen.release() }
    let thread = try #require(frozen.threads.first { $0.registers.contains(seed + 0x1111) })
    for value in [0x2222, 0x3333] as [UInt64] { #expect(thread.registers.contains(seed + value)) }
    let vectors = stride(from: 0, to: thread.vectorState.count / 8 * 8, by: 8).map { offset in
      thread.vectorState.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
    }
    for value in [0x4444, 0x5555] as [UInt64] { #expect(vectors.contains(seed + value)) }
  }
}
