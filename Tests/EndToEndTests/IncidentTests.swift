import Diagnosis
import Foundation
import HeapGraph
import Reports
import TestSupport
import Testing

@testable import MemwhyCLI

/// The incident's service near the limit of its container, with other traffic, and with the cures. The story itself is `scripts/demo`.
@Suite(.serialized, .timeLimit(.minutes(10)), .enabled(if: ActivityService.isBuilt, "\(ActivityService.why)"))
struct IncidentTests {
  private func growth(_ service: ActivityService, seconds: Int, _ more: [String] = []) throws -> GrowthReport {
    let result = try MemwhyBinary.run(
      ["diagnose", "\(service.pid)", "--for", "\(seconds)s", "--load", service.metric, "--json"] + more)
    guard result.status == 0 else { throw TestFailure("diagnose ended with \(result.status): \(result.errors)") }
    return try #require(try JSONReport.parse(result.output).growth)
  }

  /// What has to be the same however little room is left.
  private struct Answer: Equatable {
    var entries: UInt64
    var keysDiffer: Bool
    var name: String

    init(_ facts: CacheFacts) {
      entries = facts.users.entries
      keysDiffer = facts.users.keys.map { $0.distinct == $0.looked } ?? false
      name = facts.root
    }
  }

  private func facts(_ text: String) throws -> CacheFacts {
    let answer = try JSONDecoder().decode(HoldersAnswer.self, from: Data(text.utf8))
    return try #require(answer.retained.flatMap(CacheFacts.find), "the cache is not found")
  }

  /// Without a stop where there is room for a copy; where memwhy refuses, it says how, and that works.
  private func look(_ service: ActivityService, _ arguments: [String]) throws -> (text: String, wasRefused: Bool) {
    let words = arguments + ["\(service.pid)", "--json"]
    let first = try MemwhyBinary.run(words)
    if first.status == 0 { return (first.output, false) }
    #expect(first.status == 77 && first.errors.contains("--freeze stop"), "\(first.status): \(first.errors)")
    let second = try MemwhyBinary.run(words + ["--freeze", "stop"])
    guard second.status == 0 else { throw TestFailure("\(words): \(second.status) \(second.errors)") }
    return (second.output, true)
  }

  /// Something else in the group, so that a hundredth of its limit is some megabytes: the last command keeps what the first writes.
  private func ballast(_ group: TestGroup) throws -> RunningProgram {
    let (path, words) = group.command("/bin/sh", ["-c", "(head -c 600M /dev/zero; exec sleep 600) | tail -c 700M"])
    let program = try RunningProgram(path, words, ready: nil)
    #expect(eventually(within: 30) { group.memoryUsage > 600 << 20 })
    return program
  }

  @Test func nearTheLimitOfItsGroup() throws {
    guard let group = TestGroup(controller: "memory") else { return skip("no control group of memory") }
    defer { group.remove() }
    let ballast = try ballast(group)
    defer {
      group.endAll()
      ballast.stop()
    }
    let service = try ActivityService(variant: "struct", group: group)
    defer { service.stop() }
    let load = try service.load(seconds: 5, rate: 400)
    #expect(eventually(within: 60) { !load.isRunning })
    let entries = try #require(service.entries)
    #expect(entries > 1_500)
    let before = try facts(look(service, ["retained"]).text)
    let truth = Answer(before)
    #expect(truth.entries == entries && truth.keysDiffer && truth.name.contains("StructActivities.cache"), "\(truth)")
    let saving = Double(try #require(before.sharingSaves))
    #expect(saving > Double(entries) * 20_000)

    for percent in [90.0, 95, 99] {
      group.limitMemory(UInt64(Double(group.memoryUsage) * 100 / percent))
      let (text, wasRefused) = try look(service, ["retained"])
      let now = try facts(text)
      #expect(Answer(now) == truth, "at \(percent) %")
      // A stale word on a stack may hold some entries as well.
      #expect(abs(Double(now.sharingSaves ?? 0) - saving) < 0.05 * saving, "at \(percent) %")
      #expect(service.isRunning && service.entries == entries, "at \(percent) %")
      #expect(group.outOfMemoryKills ?? 0 == 0)
      print("at \(percent) % of \(group.memoryUsage >> 20) MiB: \(wasRefused ? "after a stop" : "from a copy")")
    }
    let once = try JSONReport.parse(look(service, ["diagnose", "--once"]).text)
    #expect(once.verdict.answer != .leak, "\(once.verdict.sentence)")

    // While it grows on, with the limit in sight.
    group.limitMemory(UInt64(Double(group.memoryUsage) / 0.9))
    // Some 60 MiB in all, of 70 that there are; it goes on however slow memwhy is here.
    let more = try service.load(seconds: 45, rate: 50, ["--seed", "2"])
    usleep(500_000)
    let report = try growth(service, seconds: 6, ["--freeze", "stop"])
    more.stop()
    #expect(report.cause == .collection, "\(report.sentence)")
    #expect(report.findings.first?.title.contains("StructActivities.cache") == true, "\(report.sentence)")
    #expect(report.forecast.map { $0.limit > 600 * 1_048_576 } == true, "the group's limit is not looked at")
    #expect(service.isRunning && group.outOfMemoryKills ?? 0 == 0)
  }

  /// No cache at all, and one that has a bound: while it fills up and when it is full.
  @Test(arguments: [("none", 3.0), ("localcache", 0.5), ("localcache", 6)])
  func cures(variant: String, after seconds: Double) throws {
    let service = try ActivityService(variant: variant)
    defer { service.stop() }
    // The bound is reached with 1,248 entries.
    let load = try service.load(seconds: seconds + 11, rate: variant == "none" || seconds > 1 ? 300 : 100)
    usleep(UInt32(seconds * 1e6))
    let report = try growth(service, seconds: 8)
    #expect(report.cause.isHealthy, "\(variant): \(report.sentence)")
    #expect(!report.findings.contains { $0.cause == .leak && $0.growth ?? 0 > 1 << 20 }, "\(report.findings)")
    load.stop()
  }

  /// A few users come again and again, most never: it still grows, by less than an entry a request.
  @Test func usersThatComeAgain() throws {
    let service = try ActivityService(variant: "struct")
    defer { service.stop() }
    let load = try service.load(seconds: 90, rate: 400, ["--ids", "zipf"])
    // Those that come often are there by then, however slow the machine is: of the rest, nine in ten are new at first.
    var tries = 0
    while service.entries ?? 0 < 800, tries < 200 {
      usleep(100_000)
      tries += 1
    }
    let report = try growth(service, seconds: 9)
    let first = try #require(report.findings.first)
    #expect(first.cause == .collection && first.title.contains("StructActivities.cache"), "\(report.sentence)")
    #expect(first.share ?? 0 >= 0.9, "\(report.sentence)")
    let line = try #require(first.evidence.first { $0.contains("are added for each count") }, "\(first.evidence)")
    let each = try #require(line.split(separator: " ").first.flatMap { Double($0) })
    #expect(each > 0.2 && each < 0.9, "\(line)")
    load.stop()
  }

  // MARK: - Bad input of the service itself

  private func serve(_ database: String, _ more: [String] = []) throws -> Command.Result {
    try Command.run(
      ActivityService.tool("activity-service"), ["serve", "--database", database] + more, timeout: 30)
  }

  @Test func aPortInUse() throws {
    let service = try ActivityService(variant: "none")
    defer { service.stop() }
    let second = try serve(service.folder + "/shop.sqlite", ["--port", "\(service.port)"])
    #expect(second.status != 0 && second.errors.contains("choose another --port"), "\(second)")
    #expect(service.isRunning && service.entries == 0)
  }

  @Test func databasesThatCannotBeUsed() throws {
    let folder = TemporaryPath("databases")
    try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    let good = folder.path + "/good.sqlite"
    let seeding = try Command.run(ActivityService.tool("activity-service"), ["seed", "--database", good])
    #expect(seeding.status == 0)
    let again = try Command.run(ActivityService.tool("activity-service"), ["seed", "--database", good])
    #expect(again.status != 0 && again.errors.contains("--force"), "\(again)")

    var bytes = try Data(contentsOf: URL(fileURLWithPath: good))
    // Another version: `user_version` in the header of the file, big-endian at offset 60 (sqlite.org/fileformat2.html, 1.3).
    bytes[63] = 9
    try bytes.write(to: URL(fileURLWithPath: folder.path + "/other.sqlite"))
    bytes[63] = 1
    // Damaged: all pages but the first are overwritten.
    for index in bytes.indices where index >= 4_096 { bytes[index] = UInt8(truncatingIfNeeded: index &* 31) }
    try bytes.write(to: URL(fileURLWithPath: folder.path + "/damaged.sqlite"))
    try Data("this is no database, whatever its name says".utf8).write(
      to: URL(fileURLWithPath: folder.path + "/foreign.sqlite"))
    for (name, word) in [
      ("missing", "seed --database"), ("other", "version 9"), ("damaged", "seed it again"),
      ("foreign", "--force"),
    ] {
      let result = try serve("\(folder.path)/\(name).sqlite")
      #expect(result.status != 0 && result.errors.contains(word), "\(name): \(result)")
      #expect(result.errors.split(separator: "\n").count <= 2, "\(name): \(result.errors)")
    }
  }

  /// Another process has it for itself, as SQLite locks files: a write lock on its 510 "shared" bytes (sqlite.org/lockingv3.html, 3.0;
  /// `SHARED_FIRST` in src/os.h of SQLite 3).
  @Test func aDatabaseThatIsLocked() throws {
    let path = TemporaryPath("locked.sqlite")
    let seeding = try Command.run(ActivityService.tool("activity-service"), ["seed", "--database", path.path])
    #expect(seeding.status == 0)
    let file = open(path.path, O_RDWR | O_CLOEXEC)
    defer { close(file) }
    var lock = flock()
    lock.l_type = Int16(F_WRLCK)
    lock.l_whence = Int16(SEEK_SET)
    lock.l_start = 0x4000_0002
    lock.l_len = 510
    try #require(fcntl(file, F_SETLK, &lock) == 0)
    let result = try serve(path.path)
    #expect(result.status != 0 && result.errors.contains("locked"), "\(result)")
    #expect(result.errors.contains("end that one"), "\(result)")
  }
}
