import Foundation
import TestSupport
import Testing

/// `memwhy run` as the command that a container starts with: as the first process of its namespace, and again after each restart.
@Suite struct EntryPointTests {
  private let table = NSTemporaryDirectory() + "memwhy-test-\(getpid())-\(UInt64.random(in: 0 ... .max)).table"
  private var previous: String { table + ".previous" }

  private func environment() throws -> [String: String] { ["MEMWHY_SAMPLER_LIBRARY": try SamplerLibrary.path()] }

  private func run(_ options: [String] = [], _ script: String) throws -> Command.Result {
    try Command.run(
      BinaryTests.memwhy, ["run", "--table", table] + options + ["--", "/bin/sh", "-c", script],
      environment: try environment())
  }

  private func size(_ path: String) -> Int? {
    (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? nil
  }

  private func write(_ text: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: table)) }

  /// The program is not kept from its next life, and how the last one ended stays known.
  @Test func aRestartKeepsTheTableOfTheLifeBefore() throws {
    defer {
      unlink(table)
      unlink(previous)
    }
    for life in 1...3 {
      let size = 1 << (19 + life)
      let result = try run(["--table-size", "\(size)"], "exit \(life)")
      #expect(result.status == Int32(life), "\(result)")
      #expect(result.errors.contains("the table of the life before is now \(previous)") == (life > 1), "\(result)")
      #expect(self.size(table) == size && self.size(previous) == (life > 1 ? size / 2 : nil))
    }
  }

  /// Tables of the processes that the life before started go aside with its own.
  @Test func tablesOfFollowedProcessesGoAsideTogether() throws {
    let folder = try makeTemporaryFolder("followed")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/t"
    for _ in 1...2 {
      let result = try Command.run(
        BinaryTests.memwhy,
        ["run", "--follow", "--interval", "1", "--table", path, "--table-size", "1MiB", "--", "/bin/sh", "-c"]
          + ["/bin/ls / | /bin/cat"], environment: try environment())
      #expect(result.status == 0, "\(result)")
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    let first = names.filter { $0.hasPrefix("t.previous.") }.count
    let second = names.filter { Int($0.dropFirst(2)) != nil }.count
    #expect(first > 0 && first == second && names.count == first + second + 2, "\(names)")
  }

  @Test func aTableInUseStaysWhereItIs() throws {
    defer { unlink(table) }
    let first = try RunningProgram(
      BinaryTests.memwhy, ["run", "-q", "--table", table, "--", "/bin/sh", "-c", "echo READY; exec sleep 600"],
      environment: try environment())
    defer {
      kill(first.pid, SIGTERM)
      _ = eventually(within: 20) { !first.isRunning }
      first.stop()
    }
    let second = try run([], "echo started")
    #expect(second.status == 66 && second.output.isEmpty, "\(second)")
    #expect(second.errors.contains("is the table of a process that runs"), "\(second)")
    #expect(size(previous) == nil)
  }

  /// A file to which nothing was written makes room, what is none of ours is left alone.
  @Test func onlyTablesGoAside() throws {
    defer { unlink(table) }
    try write("")
    #expect(try run([], "exit 3").status == 3)
    #expect(size(previous) == nil)
    unlink(table)
    try write("notes of somebody")
    let refused = try run([], "exit 3")
    #expect(refused.status == 66 && refused.errors.contains("File exists"), "\(refused)")
    #expect(try String(contentsOfFile: table, encoding: .utf8) == "notes of somebody")
  }

  /// Fewer descriptors are allowed than the number at which the table is handed on as a rule.
  @Test func aLowLimitOnDescriptorsIsNoObstacle() throws {
    defer { unlink(table) }
    let result = try Command.run(
      "/bin/sh",
      ["-c", "ulimit -n 64; exec \"$@\"", "sh", BinaryTests.memwhy, "run", "--table", table, "--", "/bin/true"],
      environment: try environment())
    #expect(result.status == 0 && result.errors.contains("next: memwhy postmortem"), "\(result)")
  }

  /// In a process namespace of its own; nil with a printed reason where that cannot be made.
  private func runAsFirst(_ script: String) throws -> Command.Result? {
    let result = try Command.run(
      "unshare",
      ["--pid", "--fork", "--mount-proc", "--kill-child", BinaryTests.memwhy, "run", "-q", "--table", table, "--"]
        + ["/bin/sh", "-c", script], environment: try environment())
    guard result.errors.contains("unshare:") else { return result }
    print("skipped: no namespaces here (root is needed): \(result.errors)")
    return nil
  }

  @Test func theFirstProcessReapsOrphans() throws {
    defer { unlink(table) }
    let script = """
      echo $PPID
      for i in 1 2 3 4 5; do (sleep 0.05 & exec true); done
      try=0
      while [ $try -lt 400 ]; do
        sleep 0.05
        left=0
        for file in /proc/[0-9]*/stat; do
          read -r id name state parent rest < $file 2>/dev/null || continue
          [ "$parent" = 1 ] && [ $id != $$ ] && left=$((left + 1))
        done
        [ $left = 0 ] && exit 0
        try=$((try + 1))
      done
      exit 9
      """
    guard let result = try runAsFirst(script) else { return }
    #expect(result.status == 0 && result.output == "1\n", "\(result)")
  }

  /// The kernel lets no signal of its own end the first process: the code says what ended the program.
  @Test func theFirstProcessEndsAsTheProgramDid() throws {
    defer { unlink(table) }
    guard let killed = try runAsFirst("kill -SEGV $$") else { return }
    #expect(killed.status == 128 + SIGSEGV)
    unlink(table)
    #expect(try runAsFirst("exit 7")?.status == 7)
  }

  /// In a root folder without /proc Swift knows no arguments, and memwhy no processes.
  @Test func aMissingProcIsSaid() throws {
    let script = "mount -t tmpfs none /proc && exec \(BinaryTests.memwhy) leaks 1"
    let result = try Command.run("unshare", ["--mount", "/bin/sh", "-c", script])
    guard !result.errors.contains("unshare:"), !result.errors.contains("mount:") else {
      return print("skipped: no mount namespaces here (root is needed): \(result.errors)")
    }
    #expect(result.status == 66 && result.errors.hasPrefix("memwhy: /proc is not mounted here"), "\(result)")
  }

  /// With the /proc of another process namespace one process would be read and another one stopped.
  @Test func aForeignProcIsRefused() throws {
    defer { unlink(table) }
    let target = try RunningProgram("/bin/sh", ["-c", "echo READY; exec sleep 600"])
    defer { target.stop() }
    func memwhy(_ arguments: [String]) throws -> Command.Result? {
      let result = try Command.run(
        "unshare", ["--pid", "--fork", "--kill-child", BinaryTests.memwhy] + arguments, environment: try environment())
      guard result.errors.contains("unshare:") else { return result }
      print("skipped: no namespaces here (root is needed): \(result.errors)")
      return nil
    }
    for (verb, status) in [(["leaks"], Int32(66)), (["watch", "--for", "1s"], 66), (["doctor"], 77)] {
      guard let result = try memwhy(verb + ["\(target.pid)"]) else { return }
      #expect(result.status == status, "\(verb) \(result)")
      #expect((result.errors + result.output).contains("processes of another pid namespace"), "\(verb) \(result)")
      #expect(!result.errors.contains("about to pause"))
    }
    // The program runs all the same, and is not taken for another one.
    let run = try #require(try memwhy(["run", "--table", table, "--", "/bin/sh", "-c", "sleep 0.5; exit 6"]))
    #expect(run.status == 6 && run.errors.contains("no time series"), "\(run)")
    #expect(!run.errors.contains("started another program"), "\(run)")
  }
}
