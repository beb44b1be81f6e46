import Diagnosis
import Foundation
import HeapGraph
import ProcessImage
import Symbols
import TestSupport
import Testing
import Timeline

/// A program that does one turn of work at a time, so that the test and not the clock says how long it has been watched.
final class SteppedProgram {
  private let process: ChildProgram
  private let input = Pipe()
  private let output = Pipe()
  private var buffered: [UInt8] = []
  var pid: Int32 { process.pid }

  init(_ path: String, _ arguments: [String]) throws {
    process = try ChildProgram(
      path, arguments, input: input.fileHandleForReading.fileDescriptor,
      output: output.fileHandleForWriting.fileDescriptor)
    try input.fileHandleForReading.close()
    try output.fileHandleForWriting.close()
    guard try line() == "READY" else { throw TestFailure("\(path) is not ready") }
  }

  /// One turn; returns the load that the program counted.
  func turn() throws -> Double {
    try input.fileHandleForWriting.write(contentsOf: Data("\n".utf8))
    let words = try line().split(separator: " ")
    guard words.count == 2, words[0] == "done", let load = Double(words[1]) else { throw TestFailure("no answer") }
    return load
  }

  private func line() throws -> String {
    while true {
      if let end = buffered.firstIndex(of: 10) {
        let line = String(decoding: buffered[..<end], as: UTF8.self)
        buffered.removeSubrange(...end)
        return line
      }
      var entry = pollfd(fd: output.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, 60_000) > 0 else { throw TestFailure("the program does not answer") }
      let data = output.fileHandleForReading.availableData
      guard !data.isEmpty else { throw TestFailure("the program ended") }
      buffered += Array(data)
    }
  }

  deinit { process.stop() }
}

/// Each program has one cause; the verdict must put it first, and close the books.
struct CorpusTests {
  static let turns = 48

  static func capture(_ pid: Int32, time: Int64, findsWaste: Bool = false) throws -> HeapFacts {
    let (image, process) = try ProcessImage.frozen(pid: pid)
    defer { process.release() }
    let mapped = try #require(MappedMemory.all(of: pid, copiedTo: process.copyPid))
    let symbols = ImageSymbols(image)
    let analysis = try HeapInspection.run(image, symbols: symbols, options: .init(keepsReferences: true))
    let holders = try HeapHolders(analysis: analysis, image: image, symbols: symbols)
    let books = ResidentBooks(image: image, analysis: analysis, mapped: mapped, present: process.presentPages.ranges)
    let unwritten = UnwrittenBytes(
      analysis.heap.blocks, mappings: image.mappings, present: process.presentPages.ranges)
    var facts = HeapFacts(
      analysis, time: time, books: books, threads: image.threads.count, pause: nil, unwritten: unwritten)
    holders.unwritten = unwritten
    try facts.add(holders)
    try facts.addOutsidePointers(holders, image.mappings)
    if findsWaste { try facts.addWaste(holders) }
    return facts
  }

  /// A service that grows by megabytes a second has more by the time that its mappings are read: the books are those of its copy.
  @Test func residentMemoryIsThatOfTheSnapshot() throws {
    let program = try SteppedProgram(try TestProgram.path("causes", Self.build), ["native-leak"])
    for _ in 0..<4 { _ = try program.turn() }
    let (_, process) = try ProcessImage.frozen(pid: program.pid)
    defer { process.release() }
    func anonymous(_ mapped: [MappedMemory]?) -> UInt64 { mapped?.reduce(0) { $0 + $1.anonymous } ?? 0 }
    let before = anonymous(MappedMemory.all(of: program.pid, copiedTo: process.copyPid))
    let beforeTurns = anonymous(MappedMemory.all(of: program.pid))
    for _ in 0..<40 { _ = try program.turn() }
    #expect(anonymous(MappedMemory.all(of: program.pid)) > beforeTurns + (1 << 20))
    let after = try #require(MappedMemory.all(of: program.pid, copiedTo: process.copyPid))
    #expect(anonymous(after) == before)
    // Pages of files are not in a copy, and count all the same.
    let files = after.filter(\.mapping.isFile).reduce(0) { $0 + $1.resident - min($1.anonymous, $1.resident) }
    #expect(files > 1 << 20)
  }

  /// Three days of ten-minute turns with a restart in between: the floor stays, the days do not matter.
  @Test func daysWithRestartsAreHealthy() throws {
    let path = try TestProgram.path("causes", Self.build)
    var lives: [[Sample]] = []
    var time: Int64 = 1_700_000_000_000
    for _ in 0..<2 {
      let program = try SteppedProgram(path, ["daily"])
      var recorder = Recorder(.pid(program.pid), readingShare: 1)
      var samples: [Sample] = []
      var load = 0.0
      for _ in 0..<4 * 144 {
        load += try program.turn()
        let clock = UInt64(time) * 1_000_000
        var sample = try #require(recorder.tick(.init(wall: clock, monotonic: clock, boot: clock)).sample)
        sample[.load] = load
        sample[.cpu] = nil
        for metric in Metric.allCases where metric.name.hasPrefix("group_") { sample[metric] = nil }
        samples.append(sample)
        time += 600_000
      }
      lives.append(samples)
    }
    let report = Weighing.verdict(Evidence(lives: lives, limit: 4e9, loadName: "requests"))
    #expect(report.cause.isHealthy, "\(report.sentence) \(report.trend)")
    #expect(report.trend.lives == 2)
    for finding in report.findings where !finding.cause.isHealthy { #expect(finding.confidence == .possible) }
    #expect(report.forecast?.outcome == .never)
    // Without the count of requests the rhythm itself must show it.
    for index in lives.indices { for sample in lives[index].indices { lives[index][sample][.load] = nil } }
    let blind = Weighing.verdict(Evidence(lives: lives))
    #expect(blind.cause.isHealthy, "\(blind.sentence) \(blind.trend)")
    #expect(abs((blind.trend.periodSeconds ?? 0) - 86_400) < 7_200, "\(blind.trend)")
  }

  static let build = TestProgram.Build.swift(["-O", "-swift-version", "5", "-module-name", "causes"])

  /// Lets a program work and watches it as `memwhy PID` does, a second a turn by the test's clock.
  static func watch(_ name: String) throws -> GrowthReport {
    let path = try TestProgram.path("causes", build)
    let program = try SteppedProgram(path, [name])
    // What every program does once: lazy binding, first pages of pools.
    for _ in 0..<4 { _ = try program.turn() }
    var recorder = Recorder(.pid(program.pid), readingShare: 1)
    var samples: [Sample] = []
    var load = 0.0
    let base: Int64 = 1_700_000_000_000
    var first = try capture(program.pid, time: base)
    first.work = HeapFacts.Work(name: "requests", count: load)
    for turn in 0..<turns {
      load += try program.turn()
      let clock = UInt64(base) * 1_000_000 + UInt64(turn) * 1_000_000_000
      let tick = recorder.tick(.init(wall: clock, monotonic: clock, boot: clock))
      var sample = try #require(tick.sample)
      sample[.load] = load
      // Its processor time is real and the clock is not; its group is everybody's.
      sample[.cpu] = nil
      for metric in Metric.allCases where metric.name.hasPrefix("group_") { sample[metric] = nil }
      samples.append(sample)
    }
    var last = try capture(program.pid, time: base + Int64(turns - 1) * 1000, findsWaste: true)
    last.work = HeapFacts.Work(name: "requests", count: load)
    return Weighing.verdict(Evidence(lives: [samples], heaps: [first, last], limit: 4e9, loadName: "requests"))
  }

  struct Expectation: Sendable, CustomTestStringConvertible {
    var program: String
    var cause: Cause
    /// What the first finding must name.
    var name: String?
    var testDescription: String { program }
  }

  static let expectations: [Expectation] = [
    .init(program: "cycle", cause: .leak, name: "Session"),
    .init(program: "continuation", cause: .lostTasks, name: "waitForPeer"),
    .init(program: "cache", cause: .collection, name: "profiles"),
    .init(program: "strings", cause: .collection, name: "lines"),
    .init(program: "tasks", cause: .tasks, name: "sleep"),
    .init(program: "native", cause: .nativeGrowth, name: "malloc("),
    .init(program: "native-field", cause: .collection, name: "NativeFieldService"),
    .init(program: "native-leak", cause: .leak, name: "malloc("),
    .init(program: "arenas", cause: .manyArenas, name: "arenas"),
    .init(program: "pinned", cause: .pinnedArena, name: nil),
    .init(program: "threads", cause: .threads, name: "threads"),
    .init(program: "pipes", cause: .descriptors, name: "pipes"),
    .init(program: "mappings", cause: .mappings, name: "anonymous"),
    .init(program: "pool", cause: .mappings, name: "PoolService.pages[…]"),
    .init(program: "shared", cause: .sharedMemory, name: "shared"),
    .init(program: "inflight", cause: .load, name: "requests"),
    .init(program: "warmup", cause: .warmUp, name: nil), .init(program: "sawtooth", cause: .steady, name: nil),
    .init(program: "steady", cause: .steady, name: nil),
    .init(program: "per-user", cause: .collection, name: "cache.offersByUser"),
    .init(program: "registries", cause: .collection, name: "hub."),
    .init(program: "weak-boxes", cause: .collection, name: "listeners"),
    .init(program: "slices", cause: .collection, name: "headers"),
    .init(program: "stream", cause: .buffers, name: "AsyncStream"),
    .init(program: "finished", cause: .tasks, name: "handles"),
    .init(program: "checked", cause: .lostTasks, name: "waitForReply"),
    .init(program: "duplicates", cause: .duplicates, name: "Profile"),
    .init(program: "capacity", cause: .capacity, name: "UInt64"),
    .init(program: "mapped-file", cause: .mappings, name: nil),
    .init(program: "close-wait", cause: .descriptors, name: "sockets"),
    .init(program: "moving", cause: .collection, name: "shelf.new"),
    .init(program: "task-cache", cause: .collection, name: "refresh"),
    .init(program: "callbacks", cause: .collection, name: "registeredCallbacks"),
    .init(program: "backlog", cause: .collection, name: "outgoing, blocks in a DispatchQueue"),
    .init(program: "observers", cause: .collection, name: "observers of a NotificationCenter"),
    .init(program: "kinds", cause: .leak, name: ".me"),
    .init(program: "dead-objects", cause: .collection, name: "DeadObjectService.entries"),
    .init(program: "children", cause: .tasks, name: "collectResults"),
    .init(program: "actor-queue", cause: .tasks, name: "SlowReporter"),
    .init(program: "pool-queue", cause: .tasks, name: "their continuations in causes.connections"),
    .init(program: "sleeper", cause: .collection, name: "Directory.people"),
    .init(program: "plateau", cause: .load, name: nil),
    .init(program: "jobs", cause: .collection, name: "JobService.jobs"),
    .init(program: "emitter", cause: .collection, name: "Emitter.handlers[value]"),
    .init(program: "roomy", cause: .collection, name: "RoomyBufferService.buffers"),
  ]

  @Test(arguments: expectations) func theRightCauseComesFirst(_ expected: Expectation) throws {
    let report: GrowthReport
    do { report = try Self.watch(expected.program) } catch let error as FreezeError {
      print("skipped: this machine does not let a test freeze its own child: \(error)")
      return
    }
    let text = """
      \(expected.program): \(report.sentence) [\(report.trend.pattern), p \(report.trend.probability)]
      \(report.findings.map { "\($0.cause) \($0.confidence) +\($0.growth ?? 0) holds \($0.holds) \($0.title)" }.joined(separator: "\n"))
      \(report.findings.prefix(2).flatMap { $0.evidence.map { "  - " + $0 } + $0.advice.map { "  change: " + $0 } }.joined(separator: "\n"))
      \(report.books.map { "\($0.holder) \($0.bytes) \($0.growth ?? 0)" }.joined(separator: ", "))
      """
    if ProcessInfo.processInfo.environment["MEMWHY_SHOW"] != nil { print(text + "\n") }
    #expect(report.cause == expected.cause, "\(text)")
    let first = try #require(report.findings.first, "\(text)")
    if let name = expected.name { #expect((first.title + (first.site ?? "")).contains(name), "\(text)") }
    #expect(report.booksAreClosed == true, "\(text)")
    #expect(report.books.reduce(0) { $0 + $1.bytes } == Int64(try #require(report.resident)), "\(text)")
    if let account = report.account {
      let change = report.books.compactMap(\.growth).reduce(0, +)
      #expect(account.reduce(0) { $0 + $1.bytes } == change, "\(text)")
    }
    // A healthy program has nothing that is more than possible.
    if expected.cause.isHealthy {
      for finding in report.findings where !finding.cause.isHealthy {
        #expect(finding.confidence == .possible, "\(text)")
      }
    }
  }
}
