import Foundation
import TestSupport
import Testing

/// `memwhy run`, `profile` and `postmortem`, as a user runs them.
@Suite struct SamplerVerbTests {
  private let table = NSTemporaryDirectory() + "memwhy-test-\(getpid())-\(UInt64.random(in: 0 ... .max)).table"

  private func memwhy(_ arguments: [String], environment: [String: String] = [:]) throws -> Command.Result {
    try Command.run(
      BinaryTests.memwhy, arguments,
      environment: environment.merging(["MEMWHY_SAMPLER_LIBRARY": try SamplerLibrary.path()]) { first, _ in first })
  }

  private func known() throws -> String {
    try TestProgram.path(
      "sampler/known.c", .c(["-O1", "-fno-omit-frame-pointer", "-pthread", "-g", "-Wl,--build-id", "-ldl"]))
  }

  @Test func theProgramsEndIsTheCommandsEnd() throws {
    defer { unlink(table) }
    let plain = try memwhy(["run", "--table", table, "--", "/bin/sh", "-c", "echo out; echo err >&2; exit 7"])
    #expect(plain.status == 7)
    #expect(plain.output == "out\n")
    #expect(plain.errors.hasPrefix("err\n"))
    #expect(plain.errors.contains("next: memwhy postmortem \(table)"))
    unlink(table)
    let killed = try memwhy(["run", "-q", "--table", table, "--", "/bin/sh", "-c", "kill -KILL $$"])
    #expect(killed.status == 128 + SIGKILL)
    #expect(killed.errors.isEmpty)
  }

  /// The limit would end the command with SIGXFSZ; the program must know that signal as ever.
  @Test func aLimitOnFilesIsSaid() throws {
    let limited = ["-c", "ulimit -f 100; exec \"$@\"", "sh", BinaryTests.memwhy, "run", "--", "/bin/true"]
    let result = try Command.run(
      "/bin/sh", limited, environment: ["MEMWHY_SAMPLER_LIBRARY": try SamplerLibrary.path()])
    #expect(result.status == 66 && result.errors.contains("cannot make a table"), "\(result)")
    defer { unlink(table) }
    let script = "kill -XFSZ $$; echo lives"
    let ended = try memwhy(["run", "-q", "--table", table, "--", "/bin/sh", "-c", script])
    #expect(ended.status == 128 + SIGXFSZ && ended.output.isEmpty, "\(ended)")
  }

  @Test func signalsReachTheProgram() throws {
    defer { unlink(table) }
    let script = "trap 'echo got it; exit 5' USR1; echo READY; while :; do sleep 0.05; done"
    let program = try RunningProgram(
      BinaryTests.memwhy, ["run", "-q", "--table", table, "--", "/bin/sh", "-c", script],
      environment: ["MEMWHY_SAMPLER_LIBRARY": try SamplerLibrary.path()])
    defer { program.stop() }
    kill(program.pid, SIGUSR1)
    let deadline = Date().addingTimeInterval(20)
    while program.isRunning, Date() < deadline { usleep(20_000) }
    #expect(!program.isRunning)
    #expect(program.output.contains("got it"))
  }

  /// Each program that the command starts has a table of its own, `FILE.PID`, whatever starts it: fork and exec, here by a shell.
  /// The room of a table is reserved, mostly in memory: one that no program has begun to use must not stay.
  @Test func interruptedBeforeTheStartLeavesNoTable() throws {
    let folder = try makeTemporaryFolder("interrupted")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    // A name of its own, by which its table is found.
    let name = "sleeper\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createSymbolicLink(atPath: "\(folder)/\(name)", withDestinationPath: "/bin/sleep")
    let memwhy = Process()
    memwhy.executableURL = URL(fileURLWithPath: BinaryTests.memwhy)
    memwhy.arguments = ["run", "-q", "--table-size", "512MiB", "--", "\(folder)/\(name)", "20"]
    memwhy.environment = ProcessInfo.processInfo.environment.merging(
      ["MEMWHY_SAMPLER_LIBRARY": try SamplerLibrary.path()]) { $1 }
    try memwhy.run()
    let draft = "/dev/shm/memwhy-run-\(memwhy.processIdentifier).table"
    // Reserving its room takes longer than looking.
    #expect(eventually(within: 30) { access(draft, F_OK) == 0 || !memwhy.isRunning })
    memwhy.terminate()
    memwhy.waitUntilExit()
    #expect(access(draft, F_OK) != 0)
    // Where the program had been started after all, its table stays.
    for file in try FileManager.default.contentsOfDirectory(atPath: "/dev/shm") where file.contains(name) {
      unlink("/dev/shm/" + file)
    }
  }

  @Test func childrenAreFollowed() throws {
    defer { unlink(table) }
    let program = try known()
    let script = "'\(program)' totals 1; '\(program)' totals 2; true"
    let result = try memwhy([
      "run", "-q", "--follow", "--interval", "1", "--table", table, "--", "/bin/sh", "-c", script,
    ])
    #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
    let name = URL(fileURLWithPath: table).lastPathComponent
    let files = try FileManager.default.contentsOfDirectory(atPath: NSTemporaryDirectory()).filter {
      $0.hasPrefix(name + ".")
    }
    defer { for file in files { unlink(NSTemporaryDirectory() + file) } }
    #expect(files.count == 2, "\(files)")
    // 4,000 allocations of 48 bytes a scale, of which half stay.
    let kept = try files.map { file -> Int in
      let json = try memwhy(["top", "--json", "--no-trim", "--inuse-objects", "-q", NSTemporaryDirectory() + file])
      let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
      let rows = object["rows"] as? [[String: Any]] ?? []
      return rows.first { $0["name"] as? String == "small" }?["flat"] as? Int ?? 0
    }
    #expect(Set(kept) == [2000, 4000], "\(kept)")
    // The shell's own table is the one that was named.
    let shell = try memwhy(["postmortem", table])
    #expect(shell.status == 0 && shell.output.contains("sh (pid "), "\(shell.output)\(shell.errors)")
  }

  /// Tables lie in memory as a rule: a program that starts others without end must not fill it.
  @Test(arguments: [(interval: "1", tables: 1...8, message: "found no room"), ("1TiB", 0...0, "next: memwhy")])
  func tablesOfChildrenAreBounded(interval: String, tables: ClosedRange<Int>, message: String) throws {
    let folder = try makeTemporaryFolder("followed")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do /bin/ls / >/dev/null; done"
    let result = try memwhy([
      "run", "--follow", "--interval", interval, "--table-size", "64MiB", "--table", folder + "/t", "--", "/bin/sh",
      "-c", script,
    ])
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("t.") }
    #expect(result.status == 0 && tables.contains(files.count), "\(files)")
    #expect(result.errors.contains(message), "\(result.errors)")
  }

  /// A wrapper that becomes the program: the table is the wrapper's, and says so; with `--target` it is the program's.
  @Test func aProgramStartedInItsPlaceIsSaid() throws {
    defer { unlink(table) }
    let result = try memwhy(["run", "--table", table, "--", "/bin/sh", "-c", "exec sleep 1"])
    #expect(result.status == 0)
    #expect(
      result.errors.contains("(sh) started another program, sleep") && result.errors.contains("give --target sleep"),
      "\(result.errors)")
    let report = try memwhy(["postmortem", table])
    #expect(report.output.contains("started another program in its place"), "\(report.output)\(report.errors)")
    unlink(table)
    let target = try memwhy(
      ["run", "--target", "sleep", "--table", table, "--", "/bin/sh", "-c", "sleep 0.5; exec sleep 1"])
    #expect(target.status == 0 && !target.errors.contains("another program"), "\(target.errors)")
    let second = try memwhy(["postmortem", table])
    #expect(second.output.hasPrefix("sleep (pid ") && second.output.contains("exited with 0"), "\(second.output)")
  }

  /// A wrapper starts the program that is meant; the wrapper itself is not sampled, nor what else it starts.
  @Test func aTargetBehindAWrapperIsSampled() throws {
    defer { unlink(table) }
    let program = try known()
    let script = "ls / >/dev/null; '\(program)' totals 1"
    for target in [URL(fileURLWithPath: program).lastPathComponent, program] {
      unlink(table)
      let result = try memwhy(
        ["run", "-q", "--target", target, "--interval", "1", "--table", table, "--", "/bin/sh", "-c", script])
      #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
      let top = try memwhy(["top", "--no-trim", "--inuse-objects", "-q", table])
      #expect(
        top.output.contains("File: \(URL(fileURLWithPath: program).lastPathComponent)"), "\(top.output)\(top.errors)")
      #expect(top.output.contains(#/2000 .* small\n/#), "\(top.output)")
    }
    unlink(table)
    let missing = try memwhy(["run", "--target", "no-such-program", "--table", table, "--", "/bin/sh", "-c", "true"])
    #expect(
      missing.status == 0 && missing.errors.contains("no program 'no-such-program' was started"), "\(missing.errors)")
    #expect(access(table, F_OK) != 0)
  }

  @Test func whatCannotBeSampledIsRefused() throws {
    let missing = try memwhy(["run", "--", "no-such-program-anywhere"])
    #expect(missing.status == 66)
    let plain = try TestProgram.path("sleeper.c", .c(["-static"]))
    let refused = try memwhy(["run", "--", plain])
    #expect(refused.status == 77)
    #expect(refused.errors.contains("linked statically"))
    #expect(try memwhy(["run"]).status == 64)
    #expect(try memwhy(["run", "--interval", "0B", "--", "true"]).status == 64)
    #expect(try memwhy(["postmortem", "/bin/true"]).status == 66)
    #expect(try memwhy(["profile", "999999999"]).status == 66)
    #expect(try memwhy(["top", "999999999"]).status == 66)
  }

  @Test(.enabled(if: geteuid() == 0, "changing the owner of a file needs root"))
  func programsWithAnothersRightsAreRefused() throws {
    let copy = NSTemporaryDirectory() + "memwhy-test-setuid-\(getpid())"
    try copyProgram("/bin/true", to: copy)
    defer { unlink(copy) }
    chown(copy, 65534, 65534)
    chmod(copy, 0o4755)
    let refused = try memwhy(["run", "--", copy])
    #expect(refused.status == 77)
    #expect(refused.errors.contains("setuid"))
  }

  @Test func aDeadProcessIsExplained() throws {
    defer { unlink(table) }
    let program = try RunningProgram(
      BinaryTests.memwhy, ["run", "-q", "--interval", "4KiB", "--table", table, "--", try known(), "hold", "20"],
      environment: ["MEMWHY_SAMPLER_LIBRARY": try SamplerLibrary.path()])
    defer { program.stop() }
    // Some points of the time series.
    usleep(1_200_000)
    let live = try memwhy(["profile", table, "-q", "--no-lines", "-o", table + ".pb.gz"])
    defer { unlink(table + ".pb.gz") }
    #expect(live.status == 0, "\(live.errors)")
    let top = try memwhy(["top", table + ".pb.gz"])
    #expect(top.output.contains("mixed"), "\(top.output)\(top.errors)")
    // Handed on to the program, which ends by it; the command then ends the same way.
    kill(program.pid, SIGTERM)
    let deadline = Date().addingTimeInterval(20)
    while program.isRunning, Date() < deadline { usleep(20_000) }
    #expect(!program.isRunning)
    let text = try memwhy(["postmortem", table])
    #expect(text.status == 0, "\(text.errors)")
    for part in [
      "IN USE, BY WHERE IT WAS ALLOCATED", "mixed", "THE LAST LARGE STEPS OF THE HEAP", "resident", "SIGTERM",
    ] {
      #expect(text.output.contains(part), "\(part) is missing in:\n\(text.output)")
    }
    let json = try memwhy(["postmortem", table, "--json"])
    let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    let inUse = try #require((object["inUse"] as? [String: Any])?["bytes"] as? Double)
    #expect(abs(inUse - 20 * 1_048_576) < 2 * 1_048_576)
    #expect((object["points"] as? [Any])?.count ?? 0 > 2)
    let churn = try memwhy(["profile", table, "--churn"])
    #expect(churn.status == 0)
  }

  /// SIGKILL alone may come from anybody: the kernel's own count says why.
  @Test func aKillForLackOfMemoryIsSaid() throws {
    guard let group = TestGroup(controller: "memory") else { return }
    defer {
      group.endAll()
      group.remove()
      unlink(table)
    }
    group.limitMemory(96 << 20)
    group.write(
      group.isUnified ? "memory.swap.max" : "memory.memsw.limit_in_bytes", group.isUnified ? "0" : "\(96 << 20)")
    // Some 640 MiB.
    let program = try TestProgram.path("manyblocks.c", .c(["-O1"]))
    let (path, words) = group.command(
      BinaryTests.memwhy, ["run", "-q", "--table", table, "--", program, "20000000"])
    let result = try Command.run(path, words, environment: ["MEMWHY_SAMPLER_LIBRARY": try SamplerLibrary.path()])
    #expect(result.status == 128 + SIGKILL, "\(result.errors)")
    #expect(group.outOfMemoryKills == 1)
    let text = try memwhy(["postmortem", table])
    #expect(text.output.contains("killed by SIGKILL"), "\(text.output)\(text.errors)")
    let line = text.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(line.contains("For lack of memory the kernel killed 1 process of its control group."), "\(text.output)")
    // None was taken while it was being ended.
    let json = try memwhy(["postmortem", table, "--json"])
    let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    let points = try #require(object["points"] as? [[String: Any]])
    #expect(!points.isEmpty && points.allSatisfy { $0["rss"] != nil }, "\(points.last ?? [:])")
  }

  /// A restarted container gives the same program the same number: the table of the one before is not its own.
  @Test func aLaterProcessWithTheSameNumberIsNotTheOneThatWroteTheTable() throws {
    defer { unlink(table) }
    let run = try ChildProgram(
      BinaryTests.memwhy, ["run", "-q", "--table", table, "--", "/bin/sleep", "60"],
      environment: ["MEMWHY_SAMPLER_LIBRARY": try SamplerLibrary.path()])
    defer {
      // Handed on to the program, which would outlive a command that is killed.
      run.signal(SIGTERM)
      run.waitUntilEnd()
    }
    func ending(_ path: String) throws -> String? {
      let json = try memwhy(["postmortem", path, "--json"])
      let object = try? JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
      return object?["ending"] as? String
    }
    let deadline = Date().addingTimeInterval(20)
    while try ending(table) != "running", Date() < deadline { usleep(20_000) }
    #expect(try ending(table) == "running")
    var bytes = try Data(contentsOf: URL(fileURLWithPath: table))
    // Starts are told apart by ticks of 10 ms.
    usleep(100_000)
    let later = try ChildProgram("/bin/sleep", ["60"])
    defer { later.stop() }
    // The place of the process's number in the header: docs/sampler-table.md.
    withUnsafeBytes(of: later.pid) { bytes.replaceSubrange(28..<32, with: $0) }
    let copy = table + ".copy"
    defer { unlink(copy) }
    try bytes.write(to: URL(fileURLWithPath: copy))
    #expect(try ending(copy) == "ended, nobody saw how")
  }

  /// Nothing can be written anywhere: the program runs all the same, and the command says where its table was.
  @Test(.enabled(if: geteuid() == 0, "a mount namespace needs root"))
  func fullAndReadOnlyFoldersDoNotStopTheProgram() throws {
    let library = try SamplerLibrary.path()
    let script = """
      mount -t tmpfs -o size=64k none /dev/shm && mount -t tmpfs -o size=64k none /mnt && cd /mnt || exit 99
      head -c 65536 /dev/zero > /mnt/full; head -c 65536 /dev/zero > /dev/shm/full
      mount -o remount,ro / 2>/dev/null
      TMPDIR=/mnt MEMWHY_SAMPLER_LIBRARY=\(library) \(BinaryTests.memwhy) run -- /bin/sh -c 'exit 6'
      """
    // /tmp may be a file system of its own with room; then the table is there, which is as well.
    let result = try Command.run("unshare", ["-m", "/bin/sh", "-c", script])
    if result.status == 99 || result.errors.contains("unshare:") {
      print("skipped: no mount namespace here: \(result.errors)")
      return
    }
    #expect(result.status == 6, "\(result.errors)")
    for line in result.errors.split(separator: "\n") {
      guard let range = line.range(of: "the table is ") else { continue }
      unlink(String(line[range.upperBound...].prefix { $0 != ";" }))
    }
  }
}
