import Foundation
import TestSupport
import Testing
import Timeline

/// From the watcher to the verdict: what was recorded is judged, with the process and without it.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct WatchTests {
  private struct Verdict: Decodable {
    struct Growth: Decodable {
      struct Finding: Decodable { var cause: String }
      var sentence: String
      var samples: Int
      var books: [Row]
      var trend: Trend
      struct Trend: Decodable { var lives: Int }
      var findings: [Finding]
      struct Row: Decodable { var holder: String }
    }
    var verb: String
    var growth: Growth
  }

  @Test func whatWasRecordedIsJudged() throws {
    let folder = TemporaryPath("watch")
    let file = folder.path + "/history.db"
    let program = try RunningProgram(TestProgram.path("busy", .swift(["-O", "-swift-version", "6"])))
    defer { program.stop() }
    let watch = try MemwhyBinary.run([
      "watch", "\(program.pid)", "--for", "4s", "--interval", "100ms", "--snapshots", "+1MiB", "--history", file,
      "--quiet",
    ])
    #expect(watch.status == 0, "\(watch.errors)")
    // The price is said before, what it was after.
    #expect(watch.errors.contains("a snapshot pauses process \(program.pid) for about"), "\(watch.errors)")
    #expect(watch.errors.contains("stood still for"), "\(watch.errors)")
    let shown = try MemwhyBinary.run(["history", "--history", file, "--json"])
    #expect(shown.output.contains("\"heap_live\""), "\(shown.errors)")

    let both = try MemwhyBinary.run([
      "diagnose", "\(program.pid)", "--for", "1s", "--history-file", file, "--history", "--json",
    ])
    #expect(both.status == 0, "\(both.errors)")
    let together = try JSONDecoder().decode(Verdict.self, from: Data(both.output.utf8))

    program.stop()
    let alone = try MemwhyBinary.run(["history", "--history", file, "--verdict", "--json", "--memory-max", "1GiB"])
    #expect(alone.status == 0, "\(alone.errors)")
    let verdict = try JSONDecoder().decode(Verdict.self, from: Data(alone.output.utf8))
    #expect(verdict.verb == "history" && verdict.growth.samples >= 20 && !verdict.growth.findings.isEmpty)
    #expect(together.growth.samples > verdict.growth.samples)
    #expect(!verdict.growth.books.isEmpty, "the snapshot is not in the history")
    let alike = try MemwhyBinary.run([
      "diagnose", "--history", "--history-file", file, "--json", "--memory-max", "1GiB",
    ])
    #expect(alike.output == alone.output, "\(alike.errors)")
    let text = try MemwhyBinary.run(["history", "--history", file, "--verdict"])
    #expect(text.output.contains("OVER TIME") && text.output.contains("CAUSES"), "\(text.output)")
    let answer = try MemwhyBinary.run(["diagnose", "--history", "--history-file", file, "--quiet"])
    #expect(!answer.output.isEmpty && text.output.hasPrefix(answer.output), "\(answer.output)")
    #expect(!answer.output.contains("OVER TIME"), "\(answer.output)")
    // A page that cannot be written does not cost the answer.
    let full = try MemwhyBinary.run(["history", "--history", file, "--verdict", "--html", "/dev/full"])
    #expect(full.status == 74 && full.output == text.output, "\(full.errors)")
    let inVain = try MemwhyBinary.run(["diagnose", "--history", "--history-file", file, "--fail-on", "likely"])
    #expect(inVain.status == 64 && inVain.errors.contains("need a process"), "\(inVain.errors)")
  }

  /// Whichever process of a service is looked at, the one that grows is named.
  @Test func theWorkerThatGrowsIsNamed() throws {
    let parent = try RunningProgram(TestProgram.path("workers.c", .c(["-O1"])))
    defer { parent.stop() }
    let workers = parent.output.split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
    try #require(workers.count == 3)
    for (pid, words) in [(parent.pid, "which it has started,"), (workers[0], "which its parent has started,")] {
      let answer = try MemwhyBinary.run(["\(pid)", "--for", "2s", "--quiet"])
      let text = answer.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      #expect(answer.status == 0, "\(answer.errors)")
      #expect(
        text.contains(". Process \(workers[1]) (")
          && text.contains("\(words) grew by ") && text.hasSuffix(" meanwhile: see memwhy \(workers[1])."), "\(text)")
    }
    let right = try MemwhyBinary.run(["\(workers[1])", "--for", "2s", "--quiet"])
    #expect(right.status == 0 && !right.output.contains("see memwhy"), "\(right.output)\(right.errors)")
    let watch = try MemwhyBinary.run(["watch", "\(parent.pid)", "--for", "2s", "--no-history"])
    #expect(watch.errors.contains("see memwhy \(workers[1])\n"), "\(watch.errors)")
  }

  /// A wrapper that becomes the service: two lives, of which only the service's is judged.
  @Test func aProgramStartedInItsPlace() throws {
    let folder = TemporaryPath("replaced")
    let file = folder.path + "/history.db"
    let service = try TestProgram.path("busy", .swift(["-O", "-swift-version", "6"]))
    // The number is for its command line: a program of another test with the same one would be its restart, should it end.
    let own = "\(service) \(UInt64.random(in: 0 ... .max))"
    let program = try RunningProgram(
      "/bin/sh", ["-c", "trap 'exec \(own)' USR1; echo WRAPPED; while :; do sleep 0.02; done"], ready: "WRAPPED")
    defer { program.stop() }
    let watch = try RunningProgram(
      MemwhyBinary.path(),
      [
        "watch", "\(program.pid)", "--for", "12s", "--interval", "100ms", "--snapshots", "100s", "--history", file,
        "--quiet",
      ], environment: ["NO_COLOR": "1"], ready: "snapshot:", mergeErrors: true)
    defer { watch.stop() }
    kill(program.pid, SIGUSR1)
    #expect(eventually(within: 30) { !watch.isRunning })
    let said = "process \(program.pid) (sh) started another program, "
    #expect(watch.output.contains(said), "\(watch.output)")
    #expect(program.isRunning, "\(watch.output)")
    let verdict = try MemwhyBinary.run(["history", "--history", file, "--verdict", "--json"])
    #expect(verdict.status == 0, "\(verdict.errors)")
    let growth = try JSONDecoder().decode(Verdict.self, from: Data(verdict.output.utf8)).growth
    #expect(growth.trend.lives == 1, "\(growth)")
    let history = try History.reading(file)
    let runs = try history.runs()
    #expect(runs.count == 2 && runs[0].run.name == "sh" && runs[1].run.name.hasPrefix("busy"), "\(runs)")
    for run in runs { #expect(try history.captures(runs: [run.id]).count == 1, "a snapshot of each") }
  }

  /// `memwhy PID` says so as soon as it sees it, and compares nothing.
  @Test func anotherProgramIsNotJudged() throws {
    let program = try RunningProgram(
      "/bin/sh", ["-c", "trap 'exec sleep 600' USR1; echo READY; while :; do sleep 0.02; done"])
    defer { program.stop() }
    let start = Date()
    let look = try RunningProgram(
      "/bin/sh", ["-c", "\(try MemwhyBinary.path()) \(program.pid) --for 100s; echo status $?"],
      environment: ["NO_COLOR": "1"], ready: "about to pause", mergeErrors: true)
    defer { look.stop() }
    sleep(2)
    kill(program.pid, SIGUSR1)
    #expect(eventually(within: 60) { !look.isRunning })
    #expect(Date().timeIntervalSince(start) < 60)
    #expect(
      look.output.contains("process \(program.pid) (sh) started another program (sleep) while it was watched"),
      "\(look.output)")
    #expect(look.output.contains("status 69"), "\(look.output)")
  }

  @Test func saysWhatIsWrong() throws {
    for arguments in [
      ["watch", "1", "--snapshots", "often"], ["watch", "1", "--snapshots", "1s"],
      ["history", "--verdict", "--memory-max", "much"], ["diagnose"], ["leaks"],
      ["diagnose", "--once", "--try-trim", "--core", "core.1"], ["diagnose", "1", "--try-trim", "--freeze", "stop"],
    ] {
      let result = try MemwhyBinary.run(arguments)
      #expect(result.status == 64, "\(arguments): \(result.status) \(result.errors)")
    }
    let none = try MemwhyBinary.run(["history", "--verdict", "--history", "/nonexistent/history.db"])
    #expect(none.status == 66, "\(none.errors)")
  }

  /// On a full disk nothing can be recorded: said at once, and told from a file that is not there. The disk is a small one of its own.
  @Test(arguments: [false, true]) func aFullDiskIsSaid(isHistoryThere: Bool) throws {
    guard geteuid() == 0, Command.exists("unshare") else { return skip("a disk of its own needs root and unshare") }
    let folder = TemporaryPath("full")
    try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    let memwhy = try MemwhyBinary.path()
    let watch = "'\(memwhy)' watch $$ --for 300ms --interval 100ms --quiet --history '\(folder.path)/h.db'"
    let script = """
      mount -t tmpfs -o size=400k none '\(folder.path)' || exit 99
      \(isHistoryThere ? watch + " || exit 98" : "true")
      dd if=/dev/zero of='\(folder.path)/fill' bs=1k 2>/dev/null
      \(watch)
      """
    let result = try Command.run("unshare", ["-m", "sh", "-c", script])
    if result.status == 99 || result.errors.contains("unshare failed") { return skip("nothing can be mounted here") }
    #expect(result.status == 74, "\(result.errors)")
    #expect(result.errors.contains("the disk is full; free some"), "\(result.errors)")
  }
}
