import Foundation
import TestSupport
import Testing

/// Whatever is asked for, the answer is a report or one clear line with a documented exit code, within the time limit.
@Suite(.timeLimit(.minutes(10)))
struct BadInputTests {
  private func expectError(
    _ arguments: [String], status: Int32, mentions words: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let result = try MemwhyBinary.run(arguments)
    #expect(result.status == status, "\(arguments): \(result.errors)\(result.output)", sourceLocation: sourceLocation)
    #expect(result.errorLines.count == 1, "\(arguments): \(result.errors)", sourceLocation: sourceLocation)
    #expect(result.output.isEmpty, "\(arguments): \(result.output)", sourceLocation: sourceLocation)
    for word in words {
      #expect(result.errors.contains(word), "\(arguments): \(result.errors)", sourceLocation: sourceLocation)
    }
  }

  /// A pid that was free a moment ago.
  private func freePID() throws -> Int32 {
    for pid in stride(from: Int32(4_000_000), to: 3_900_000, by: -1) where kill(pid, 0) != 0 && errno == ESRCH {
      return pid
    }
    throw TestFailure("no free process id")
  }

  @Test(arguments: ["diagnose", "leaks", "heap"]) func noSuchProcess(verb: String) throws {
    try expectError([verb, "\(freePID())"], status: 66, mentions: ["no process"])
  }

  /// A name can hold an escape sequence, or begin a line that looks like memwhy's own.
  @Test func namesInErrorsReachNoTerminal() throws {
    let result = try MemwhyBinary.run(["leaks", "--core", "/nowhere/a\u{1b}[31mb\nmemwhy: all is well"])
    #expect(result.status == 66)
    let line = "memwhy: cannot read /nowhere/a\\u{1b}[31mb memwhy: all is well: "
    #expect(result.errors.hasPrefix(line), "\(result.errors)")
    #expect(result.errors.split(separator: "\n").count == 1)
    let usage = try MemwhyBinary.run(["leaks", "4711\u{1b}[31m"])
    #expect(usage.status == 64 && !usage.errors.contains("\u{1b}"), "\(usage.errors)")
  }

  /// A report that is cut off by a full disk is no success.
  @Test(arguments: ["--version", "heap", "heap --json"]) func answerThatCannotBeWritten(words: String) throws {
    let pid = words.hasPrefix("heap") ? " --freeze none \(getpid())" : ""
    let full = try Command.run("/bin/sh", ["-c", "'\(MemwhyBinary.path())' \(words)\(pid) > /dev/full"])
    #expect(full.status == 74)
    #expect(full.errors.contains("cannot write the answer"), "\(full.errors)")
    let closed = try Command.run("/bin/sh", ["-c", "'\(MemwhyBinary.path())' \(words)\(pid) >&-"])
    #expect(closed.status == 74)
    // Nobody reads on: that is no failure.
    let pipe = try Command.run(
      "/bin/bash", ["-c", "'\(MemwhyBinary.path())' \(words)\(pid) | :; exit ${PIPESTATUS[0]}"])
    #expect(pipe.status == 0, "\(pipe.errors)")
  }

  /// The number of a closed stream goes to no file that is opened later: what is printed would land in it.
  @Test func closedStreamsAreNoFiles() throws {
    let folder = TemporaryPath("closed")
    let script = """
      '\(try MemwhyBinary.path())' watch --quiet --history '\(folder.path)' \(getpid()) <&- >&- 2>&- & sleep 2
      readlink /proc/$!/fd/0 /proc/$!/fd/1 /proc/$!/fd/2; kill $!; wait
      """
    let result = try Command.run("/bin/sh", ["-c", script])
    #expect(result.output == "/dev/null\n/dev/null\n/dev/null\n", "\(result.output)\(result.errors)")
  }

  /// The limit is memwhy's own: not "check that the file exists", and no pause is announced.
  @Test func tooFewOpenFiles() throws {
    let result = try Command.run("/bin/sh", ["-c", "ulimit -n 12; '\(MemwhyBinary.path())' leaks \(getppid())"])
    #expect(result.status == 70)
    #expect(result.errors.contains("ulimit -n"), "\(result.errors)")
  }

  /// Running out of memory would be a crash half-way.
  @Test func tooLittleMemoryOfItsOwn() throws {
    let program = try RunningProgram(try TestProgram.path("sequence.c", .c(["-O1", "-pthread"])), ["64"])
    let script = "ulimit -v 180000; '\(try MemwhyBinary.path())' leaks \(program.pid)"
    let result = try Command.run("/bin/sh", ["-c", script])
    #expect(result.status == 77)
    #expect(result.errors.contains("ulimit -v") && !result.errors.contains("about to pause"), "\(result.errors)")
  }

  /// What a little memory is enough for, more of it is enough for as well: no thread may take what the answer needs.
  @Test func limitsOfItsOwnMemory() throws {
    let program = try RunningProgram(try TestProgram.path("sequence.c", .c(["-O1", "-pthread"])), ["64"])
    for mebibytes in stride(from: 220, through: 460, by: 30) {
      let script = "ulimit -v $((\(mebibytes) * 1024)); '\(try MemwhyBinary.path())' retained \(program.pid)"
      let result = try Command.run("/bin/sh", ["-c", script])
      #expect([0, 77].contains(result.status), "\(mebibytes) MiB: \(result.status) \(result.errors)")
    }
  }

  /// The shell of a container's entry point that becomes the service: two programs are not compared.
  @Test func execWhileItIsWatched() throws {
    let program = try RunningProgram("/bin/sh", ["-c", "echo READY; sleep 1.5; exec sleep 60"])
    let result = try MemwhyBinary.run(["--for", "3s", "\(program.pid)"])
    #expect(result.status == 69)
    #expect(result.errors.contains("started another program (sleep)"), "\(result.errors)")
  }

  @Test func kernelThread() throws {
    guard let name = try? String(contentsOfFile: "/proc/2/comm", encoding: .utf8), name == "kthreadd\n" else {
      return skip("no kernel threads are visible in this pid namespace")
    }
    try expectError(["leaks", "2"], status: 66, mentions: ["kthreadd", "kernel"])
  }

  @Test func aProcessThatHasEndedIsRefused() throws {
    // It ends once the shell has become `sleep`, which reaps no children: the shell would.
    let script = "until grep -q sleep /proc/$$/comm; do sleep 0.01; done & echo CHILD $!; exec sleep 60"
    let program = try RunningProgram("/bin/sh", ["-c", script], ready: "CHILD")
    defer { program.stop() }
    let child = try #require(program.output.split(separator: " ").last.flatMap { Int32($0.dropLast()) })
    let deadline = Date().addingTimeInterval(5)
    while Date() < deadline, try !String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8).contains(") Z ") {
      usleep(10_000)
    }
    try expectError(["\(child)"], status: 66, mentions: ["\(child)", "ended"])
  }

  @Test func notPermitted() throws {
    guard geteuid() == 0 else { return skip("needs root to become another user") }
    guard FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv") else { return skip("setpriv is missing") }
    // Other users may not be able to enter the build folder, so they get the binary under a path that they can reach.
    let copy = TemporaryPath("binary")
    try copyProgram(MemwhyBinary.path(), to: copy.path)
    chmod(copy.path, 0o755)
    let program = try RunningProgram("/bin/sh", ["-c", "echo READY; exec sleep 60"])
    defer { program.stop() }
    let result = try Command.run(
      "setpriv",
      ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", copy.path, "leaks", "\(program.pid)"])
    if result.errors.contains("error while loading shared libraries") {
      return skip("the Swift libraries cannot be read by other users")
    }
    #expect(result.status == 77, "\(result.errors)\(result.output)")
    #expect(result.errorLines.count == 1, "\(result.errors)")
    #expect(result.errors.contains("root") || result.errors.contains("CAP_SYS_PTRACE"), "\(result.errors)")
    #expect(program.isRunning)
  }

  /// Gone, another program, or one that has not even mapped its C library yet: refused in one line, or answered.
  private func expectAnswerOrRefusal(_ pid: Int32) throws -> Int32 {
    let result = try MemwhyBinary.run(["leaks", "\(pid)"])
    if result.status == 0 { return 0 }
    #expect(result.errorLines.count == 1, "\(result.errors)")
    let isYoung =
      result.status == 77 && result.errors.contains("maps no C library")
      || result.status == 70 && result.errors.contains("allocator was not recognised")
    #expect([66, 69].contains(result.status) || isYoung, "\(result.status): \(result.errors)\(result.output)")
    return result.status
  }

  /// A script that runs one program after the other under the same pid, and ends, while it is looked at.
  @Test func exitsAndExecsHalfWay() throws {
    let script = "n=$1; [ $n -gt 0 ] || exit 0; echo READY; exec /bin/sh -c \"$2\" x $((n-1)) \"$2\""
    var statuses: [Int32: Int] = [:]
    for _ in 0..<15 {
      let program = try RunningProgram("/bin/sh", ["-c", script, "x", "400", script])
      defer { program.stop() }
      statuses[try expectAnswerOrRefusal(program.pid), default: 0] += 1
    }
    print(
      "programs that exec and exit meanwhile: \(statuses.map { "\($1) x exit code \($0)" }.joined(separator: ", "))")
  }

  @Test func exitsAtOnce() throws {
    for delay in 0..<20 {
      let program = try RunningProgram("/bin/sh", ["-c", "echo READY; sleep 0.0\(delay % 10)\(delay)"])
      defer { program.stop() }
      _ = try expectAnswerOrRefusal(program.pid)
    }
  }

  // ---- core files ----------------------------------------------------------------------------------------------------

  @Test func coresThatAreNone() throws {
    let missing = TemporaryPath("missing")
    try expectError(["leaks", "--core", missing.path], status: 66, mentions: [missing.path])
    let empty = TemporaryPath("empty")
    _ = FileManager.default.createFile(atPath: empty.path, contents: Data())
    try expectError(["leaks", "--core", empty.path], status: 66, mentions: [empty.path])
    let text = TemporaryPath("text")
    _ = FileManager.default.createFile(atPath: text.path, contents: Data(repeating: 0x41, count: 100_000))
    try expectError(["leaks", "--core", text.path], status: 66, mentions: [text.path])
    // An ELF file, but a program.
    try expectError(["leaks", "--core", "/bin/sh"], status: 66, mentions: ["/bin/sh"])
    try expectError(["leaks", "--core", "/tmp"], status: 66, mentions: ["/tmp"])
  }

  @Test func coresThatAreCutOff() throws {
    guard FileManager.default.isExecutableFile(atPath: "/usr/bin/gcore") else { return skip("gcore is missing") }
    let truthFile = TemporaryPath("truth")
    let program = try RunningProgram(
      TestProgram.path("cleak", .c(["-O1", "-pthread"])), [truthFile.path, "all", "20"])
    defer { program.stop() }
    let base = TemporaryPath("core")
    try TestProgram.run("gcore", ["-o", base.path, "\(program.pid)"])
    let core = "\(base.path).\(program.pid)"
    defer { unlink(core) }
    let whole = try #require(FileManager.default.contents(atPath: core))
    let answer = try MemwhyBinary.run(["leaks", "--core", core])
    #expect(answer.status == 0, "\(answer.errors)")
    let cut = TemporaryPath("cut")
    for share in [0, 1, 2, 10, 30, 60, 90, 99] {
      let count = share == 0 ? 100 : whole.count * share / 100
      _ = FileManager.default.createFile(atPath: cut.path, contents: whole.prefix(count))
      let result = try MemwhyBinary.run(["leaks", "--core", cut.path])
      #expect([0, 66].contains(result.status), "\(share) %: \(result.status) \(result.errors)\(result.output)")
      if result.status == 66 {
        #expect(result.errorLines.count == 1, "\(share) %: \(result.errors)")
      } else {
        // A part of the heap is gone: what is left must not be called free of leaks, nor leaking for certain.
        #expect(!result.output.hasPrefix("No leak"), "\(share) %: \(result.output)")
      }
    }
  }

  /// A core file is often read in the container that its program left it in: there the kernel would end the service, which is larger.
  @Test func memwhyIsTheFirstToDieBesideACoreFile() throws {
    guard FileManager.default.isExecutableFile(atPath: "/usr/bin/gcore") else { return skip("gcore is missing") }
    let program = try RunningProgram(try TestProgram.path("sequence.c", .c(["-O1", "-pthread"])), ["64"])
    defer { program.stop() }
    let base = TemporaryPath("core")
    try TestProgram.run("gcore", ["-o", base.path, "\(program.pid)"])
    let core = "\(base.path).\(program.pid)"
    defer { unlink(core) }
    // It waits for somebody to read its page.
    let pipe = TemporaryPath("pipe")
    #expect(mkfifo(pipe.path, 0o600) == 0)
    let memwhy = Process()
    memwhy.executableURL = URL(fileURLWithPath: try MemwhyBinary.path())
    memwhy.arguments = ["leaks", "--quiet", "--core", core, "--html", pipe.path]
    memwhy.standardOutput = FileHandle.nullDevice
    try memwhy.run()
    let place = "/proc/\(memwhy.processIdentifier)/oom_score_adj"
    #expect(eventually(within: 60) { (try? String(contentsOfFile: place, encoding: .utf8)) == "1000\n" })
    let page = try Command.run("/bin/cat", [pipe.path])
    #expect(page.output.contains("</html>"))
    memwhy.waitUntilExit()
    #expect(memwhy.terminationStatus == 0)
  }

  // ---- unusual programs ----------------------------------------------------------------------------------------------

  @Test func deletedModules() throws {
    let program = try TestProgram.path("cleak", .c(["-O1", "-pthread"]))
    let copy = TemporaryPath("deleted")
    try copyProgram(program, to: copy.path)
    let truthFile = TemporaryPath("truth")
    let running = try RunningProgram(copy.path, [truthFile.path, "healthy", "50"])
    defer { running.stop() }
    unlink(copy.path)
    let result = try MemwhyBinary.run(["leaks", "--fail-on", "possible", "\(running.pid)"])
    #expect(result.status == 0, "\(result.errors)\(result.output)")
    #expect(result.output.hasPrefix("No leak"), "\(result.output)")
  }

  @Test func programWithoutSwift() throws {
    let running = try RunningProgram("/bin/sh", ["-c", "echo READY; read x < /dev/zero; sleep 60"])
    defer { running.stop() }
    let result = try MemwhyBinary.run(["--once", "--fail-on", "possible", "\(running.pid)"])
    #expect(result.status == 0, "\(result.errors)\(result.output)")
    #expect(result.output.contains("glibc"), "\(result.output)")
  }

  /// The tool on itself would stop itself: it must refuse or answer, never hang.
  @Test func memwhyRefusesToLookAtItself() throws {
    let result = try Command.run(
      "/bin/sh", ["-c", "exec \"$0\" leaks $$", MemwhyBinary.path()], timeout: 60)
    #expect([64, 66, 77].contains(result.status), "\(result.status) \(result.errors)\(result.output)")
    #expect(result.errorLines.count == 1, "\(result.errors)")
  }

  /// Answers and errors keep to their streams and codes.
  @Test func exitCodesOfAnswers() throws {
    let truthFile = TemporaryPath("truth")
    let program = try RunningProgram(
      TestProgram.path("cleak", .c(["-O1", "-pthread"])), [truthFile.path, "all", "20"])
    defer { program.stop() }
    #expect(try MemwhyBinary.run(["leaks", "\(program.pid)"]).status == 0)
    let failing = try MemwhyBinary.run(["leaks", "--fail-on", "possible", "\(program.pid)"])
    #expect(failing.status == 1, "\(failing.errors)")
    // No Swift object in this heap: another language's runtime might hide pointers, so it is only possible.
    #expect(failing.output.contains("no pointer leads to"), "\(failing.output)")
    #expect(try MemwhyBinary.run(["leaks", "--fail-on", "certain", "\(program.pid)"]).status == 0)
    let suppressions = TemporaryPath("suppressions")
    _ = FileManager.default.createFile(
      atPath: suppressions.path, contents: Data("# native memory\nleak:malloc(*\n".utf8))
    let accepted = try MemwhyBinary.run(
      ["leaks", "--fail-on", "possible", "--suppressions", suppressions.path, "\(program.pid)"])
    #expect(accepted.status == 0, "\(accepted.errors)\(accepted.output)")
  }

  /// As `sudo -u app memwhy leaks PID` from a folder of root's.
  @Test(.enabled(if: geteuid() == 0 && Command.exists("setpriv"), "becoming another user needs root and setpriv"))
  func aFolderThatMayNotBeEnteredHasNoSuppressions() throws {
    let folder = TemporaryPath("closed")
    try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    chmod(folder.path, 0o700)
    let script = "cd '\(folder.path)' && exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\""
    let program = try MemwhyBinary.path()
    let words = ["-c", script, "sh", program, "leaks", "2147483647"]
    let result = try Command.run("/bin/sh", words, environment: ["NO_COLOR": "1"], timeout: 30)
    guard result.status != 126 && result.status != 127 else {
      print("skipped: another user may not start \(program)")
      return
    }
    #expect(result.status == 66 && result.errors.contains("no process 2147483647"), "\(result.errors)")
  }
}
