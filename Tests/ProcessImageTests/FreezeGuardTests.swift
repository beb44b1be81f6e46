import Foundation
import TestSupport
import Testing

@testable import ProcessImage

/// Targets that must be refused, and ends in the middle: the target lives on every time.
@Suite(.serialized) struct FreezeGuardTests {
  /// The error that a freeze ended with; nil where it went well.
  private func refusal(_ pid: Int32, _ options: FreezeOptions = FreezeOptions()) -> FreezeError? {
    do throws(FreezeError) {
      try FrozenProcess.freeze(pid, options: options).release()
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: ["kill", "error"]) func filterThatForbidsTheCopyIsRefused(what: String) throws {
    let program = try RunningProgram(try TestProgram.path("filtered.c", .c(["-O1"])), [what])
    guard case .seccomp(program.pid, let reason)? = refusal(program.pid) else {
      Issue.record("not refused")
      return
    }
    print("refused:", reason)
    usleep(50_000)
    #expect(program.isRunning)
    // Nothing is injected while memory is copied during a stop.
    #expect(try StoppedProcess.stop(program.pid).threads.count == 1)
    #expect(program.isRunning)
  }

  @Test func filterThatAllowsTheCopyIsExamined() throws {
    let program = try RunningProgram(try TestProgram.path("filtered.c", .c(["-O1"])), ["allow"])
    switch refusal(program.pid) {
    case nil: break
    case .seccomp(_, let reason)? where reason.contains("CAP_SYS_ADMIN"): print("skipped: no CAP_SYS_ADMIN here")
    case let error?: Issue.record("\(error)")
    }
    #expect(program.isRunning)
    #expect(children(of: program.pid).isEmpty)
  }

  /// The kernel goes on with an interrupted sleep by a call of its own, and the filter kills the process for that.
  @Test func sleeperUnderAFilterThatKnowsNoRestartLivesOn() throws {
    let program = try RunningProgram(try TestProgram.path("filtered.c", .c(["-O1"])), ["sleep"])
    for _ in 0..<3 {
      guard case .seccomp(program.pid, _)? = refusal(program.pid) else {
        Issue.record("not refused")
        return
      }
      #expect(try StoppedProcess.stop(program.pid).threads.count == 1)
      usleep(50_000)
      #expect(program.isRunning)
    }
  }

  /// Who may not read filters knows that before anything is stopped: the tool would die if it came as far.
  @Test func filterThatMayNotBeReadIsRefusedBeforeTheStop() throws {
    guard geteuid() == 0, Command.exists("setpriv") else {
      print("skipped: needs root and setpriv")
      return
    }
    let program = try RunningProgram(try TestProgram.path("filtered.c", .c(["-O1"])), ["allow"])
    let result = try Command.run(
      "setpriv", ["--bounding-set=-sys_admin", VictimTool.path, "\(program.pid)", "--die-at", "seized"])
    #expect(result.status == 70)
    #expect(result.output.contains("takes CAP_SYS_ADMIN"), "\(result.output)")
    #expect(!result.output.contains("announced"))
    #expect(program.isRunning)
  }

  /// The announcement of a pause that is not permitted would be a false alarm.
  @Test(arguments: [[], ["--stop"]]) func whatIsNotPermittedIsNotAnnounced(options: [String]) throws {
    guard geteuid() == 0, Command.exists("setpriv") else {
      print("skipped: needs root and setpriv")
      return
    }
    let target = try SequenceProgram(mebibytes: 8)
    // Reachable for every user, wherever this repository lies.
    let tool = NSTemporaryDirectory() + "freeze-victim-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    try copyProgram(VictimTool.path, to: tool)
    defer { unlink(tool) }
    let result = try Command.run(
      "setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", tool, "\(target.pid)"] + options)
    #expect(result.status == 70)
    #expect(result.output.contains("not permitted"), "\(result.output)\(result.errors)")
    #expect(!result.output.contains("announced"))
  }

  /// Another memwhy traces for some milliseconds only.
  @Test func aTracerThatLeavesIsWaitedFor() throws {
    let target = try SequenceProgram(mebibytes: 8)
    let tracer = try VictimTool(target.pid, ["--stop-at", "seized"])
    #expect(eventually(within: 20) { (try? Procfs.stat(of: tracer.pid))?.state == "T" })
    let status = try Procfs.status(of: target.pid)
    #expect(status.tracer != 0)
    let other = tracer.pid
    Thread.detachNewThread { kill(other, SIGKILL) }
    var options = FreezeOptions()
    options.attempts = 1_000
    try FreezeGuards.requireFree(pid: target.pid, status: status, options: options)
    #expect(try Procfs.status(of: target.pid).tracer == 0)
    #expect(tracer.end(within: 20) == .killed(SIGKILL))
  }

  /// What a copy during the stop has no room for is refused before the stop is announced.
  @Test func copyThatIsTooLargeIsNotAnnounced() throws {
    let target = try SequenceProgram(mebibytes: 8)
    nonisolated(unsafe) var isAnnounced = false
    var options = FreezeOptions()
    options.copyLimit = 1 << 20
    options.announce = { _ in isAnnounced = true }
    #expect(throws: FreezeError.self) { try StoppedProcess.stop(target.pid, options: options) }
    #expect(!isAnnounced)
  }

  @Test func tracedProcessNamesItsTracer() throws {
    let target = try SequenceProgram(mebibytes: 8)
    let tracer = try VictimTool(target.pid, ["--stop-at", "seized"])
    let isStopped = eventually(within: 20) { (try? Procfs.stat(of: tracer.pid))?.state == "T" }
    #expect(isStopped)
    #expect(refusal(target.pid) == .tracedByAnother(pid: target.pid, tracer: tracer.pid))
    kill(tracer.pid, SIGKILL)
    #expect(tracer.end(within: 20) == .killed(SIGKILL))
    #expect(refusal(target.pid) == nil)
  }

  @Test func zombieIsRefused() throws {
    var pid: pid_t = 0
    var words: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
    defer { free(words[0]) }
    try #require(posix_spawn(&pid, "/bin/true", nil, nil, &words, environ) == 0)
    defer { waitpid(pid, nil, 0) }
    #expect(eventually(within: 20) { (try? Procfs.stat(of: pid))?.state == "Z" })
    #expect(refusal(pid) == .target(.zombie(pid: pid, name: "true", parent: getpid())))
  }

  @Test func stoppedJobIsRefusedButCanBeCopied() throws {
    let target = try SequenceProgram(mebibytes: 8)
    kill(target.pid, SIGSTOP)
    #expect(eventually(within: 10) { (try? Procfs.stat(of: target.pid))?.state == "T" })
    #expect(refusal(target.pid) == .jobStopped(pid: target.pid))
    let image = try ProcessImage.stopped(pid: target.pid)
    #expect(try target.isConsistent(image.memory))
    usleep(20_000)
    #expect(try Procfs.stat(of: target.pid).state == "T")
    kill(target.pid, SIGCONT)
    #expect(refusal(target.pid) == nil)
  }

  /// `docker pause`: what it is held by is named, and nothing is put into the process that would run later.
  @Test func frozenGroupIsRefused() throws {
    guard let group = TestGroup(controller: "freezer") else { return }
    defer { group.remove() }
    let target = try SequenceProgram(mebibytes: 8, command: group.command)
    defer { target.program.stop() }
    let (file, on, off) =
      group.isUnified ? ("cgroup.freeze", "1", "0") : ("freezer.state", "FROZEN", "THAWED")
    defer { group.write(file, off) }
    group.write(file, on)
    #expect(eventually(within: 10) { FrozenGroup(of: target.pid) != nil })
    let expected = FreezeError.frozenGroup(pid: target.pid, group: group.path, canStop: group.isUnified)
    #expect(refusal(target.pid) == expected)
    if group.isUnified {
      #expect(try target.isConsistent(ProcessImage.stopped(pid: target.pid).memory))
    } else {
      #expect(throws: expected) { try StoppedProcess.stop(target.pid) }
    }
    group.write(file, off)
    #expect(eventually(within: 10) { refusal(target.pid) == nil })
    #expect(children(of: target.pid).isEmpty)
  }

  @Test func ownProcessIsRefused() {
    #expect(refusal(getpid()) == .isSelf(pid: getpid()))
  }

  @Test func thirtyTwoBitProgramIsRefused() throws {
    let source = NSTemporaryDirectory() + "memwhy-32-\(getpid())"
    defer { for ending in [".S", ""] { unlink(source + ending) } }
    // pause(2) for ever, without a C library.
    try """
    .globl _start
    _start: mov $29, %eax
    int $0x80
    jmp _start
    .section .note.GNU-stack,"",@progbits

    """.write(toFile: source + ".S", atomically: true, encoding: .utf8)
    let result = try Command.run("clang", ["-m32", "-nostdlib", "-static", source + ".S", "-o", source])
    guard result.status == 0, let program = try? RunningProgram(source, ready: nil) else {
      print("skipped: no 32-bit programs here")
      return
    }
    usleep(20_000)
    guard program.isRunning else {
      print("skipped: this kernel runs no 32-bit programs")
      return
    }
    guard case .target(.unsupportedTarget)? = refusal(program.pid) else {
      Issue.record("not refused: \(String(describing: refusal(program.pid)))")
      return
    }
    #expect(program.isRunning)
  }

  /// The clone fails in the kernel: the thread that made it restores itself.
  @Test func processLimitLeavesTheTargetUnharmed() throws {
    guard let group = TestGroup(controller: "pids") else { return }
    defer { group.remove() }
    let target = try SelfCheckingProgram(command: group.command)
    defer { _ = target.finish() }
    #expect(target.makesProgress())
    // The program makes and ends threads all the time, so that it would run into any limit itself: it is given room, and the room
    // is closed only while it is frozen.
    var options = FreezeOptions()
    options.phaseHook = { phase in
      if phase == .stopped { group.write("pids.max", "1") }
      if phase == .released || phase == .prepared { group.write("pids.max", "max") }
    }
    options.attempts = 1
    let error = refusal(target.pid, options)
    group.write("pids.max", "max")
    guard case .copyFailed? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    print("refused:", error.map { "\($0)" } ?? "")
    #expect(target.makesProgress())
    #expect(refusal(target.pid) == nil)
    #expect(target[.errors] == 0 || target.message.contains("pthread_create"), "\(target.message)")
  }

  @Test func targetThatEndsTakesItsCopyWithIt() throws {
    let target = try SequenceProgram(mebibytes: 16)
    let frozen = try FrozenProcess.freeze(target.pid)
    #expect(try target.isConsistent(frozen.memory))
    target.program.stop()
    #expect(eventually(within: 10) { frozen.failure != nil })
    #expect(
      eventually(within: 10) { (try? frozen.memory.load(UInt64.self, at: target.heap)) == nil })
    #expect(throws: MemoryError.targetGone) { try frozen.memory.load(UInt64.self, at: target.heap) }
    #expect(frozen.release() == [])
  }

  /// As the kernel does for lack of memory, before the guard of the limit has seen it: the target is not said to have ended.
  @Test func aCopyThatOthersKillIsNoEndOfTheTarget() throws {
    let target = try SequenceProgram(mebibytes: 16)
    let frozen = try FrozenProcess.freeze(target.pid)
    #expect(frozen.failure == nil)
    kill(frozen.copyPid, SIGKILL)
    #expect(eventually(within: 10) { (try? frozen.memory.load(UInt64.self, at: target.heap)) == nil })
    #expect(frozen.failure?.contains("its copy was killed, by the kernel for lack of memory") == true)
    #expect(!frozen.targetHasEnded && target.program.isRunning)
    #expect(frozen.release() == [])
  }

  /// Who waits for a processor is late, and is let finish; who does not go on at all is ended.
  @Test(arguments: [700 as UInt32, 60_000]) func aLateToolIsNoStuckOne(milliseconds: UInt32) throws {
    let target = try SequenceProgram(mebibytes: 16)
    defer { target.program.stop() }
    let tool = try VictimTool(target.pid, ["--wait-at", "repaired=\(milliseconds)"])
    #expect(tool.end(within: 30) == (milliseconds < 1000 ? .exited(0) : .killed(SIGKILL)))
    #expect(target.program.isRunning && eventually(within: 10) { (try? Procfs.status(of: target.pid))?.tracer == 0 })
  }

  /// Ctrl-Z in the worst moment: the guardian kills the tool, and the target goes on.
  @Test(arguments: [FreezePhase.stopped, .hijacked, .masked, .copied, .reapHijacked])
  func stoppedToolIsKilled(phase: FreezePhase) throws {
    let target = try SelfCheckingProgram()
    let errors = NSTemporaryDirectory() + "memwhy-errors-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    defer { unlink(errors) }
    let tool = try VictimTool(target.pid, ["--stop-at", phase.rawValue], errors: errors)
    #expect(tool.end(within: 30) == .killed(SIGKILL))
    #expect(
      eventually(within: 10) {
        (try? String(contentsOfFile: errors, encoding: .utf8))?.contains("--freeze none\n") == true
      })
    #expect(target.makesProgress())
    #expect(target.heldThreads == [])
    // The copy ends by itself, on a busy host a little later; the next run after that removes it.
    let isSwept = eventually(within: 20) { refusal(target.pid) == nil && children(of: target.pid).isEmpty }
    #expect(isSwept, "left behind: \(children(of: target.pid))")
    let verdict = target.finish()
    #expect(verdict.hasPrefix("PASS"), "\(verdict)")
  }

  /// A thread that waits for a vforked child cannot stop: the attempt is given up within its budget, and all others go on.
  @Test func threadThatDoesNotStopIsGivenUp() throws {
    // A crowded machine, too, has given up all attempts of both ways before the child ends.
    let program = try RunningProgram(try TestProgram.path("vfork_wait.c", .c(["-O1", "-pthread"])), ["15000"])
    var options = FreezeOptions()
    options.attempts = 3
    options.retryDelay = 50_000_000
    let start = Date()
    guard case .didNotStop(program.pid, let tid, 3)? = refusal(program.pid, options) else {
      Issue.record("not given up")
      return
    }
    #expect(tid != program.pid)
    #expect(Date().timeIntervalSince(start) < 8)
    let isFree = eventually(within: 2) {
      ((try? Procfs.threads(of: program.pid)) ?? []).allSatisfy { tid in
        guard let bytes = try? contents(of: "/proc/\(program.pid)/task/\(tid)/status") else { return true }
        return ProcessStatus(parsing: bytes).tracer == 0
      }
    }
    #expect(isFree)
    // The same with memory copied during the stop.
    #expect(throws: FreezeError.self) { try StoppedProcess.stop(program.pid, options: options) }
    #expect(eventually(within: 60) { program.output.contains("RETURNED 0") })
    #expect(refusal(program.pid) == nil)
  }

  /// The main thread has called pthread_exit: a zombie with living threads beside it.
  @Test func processWithoutItsMainThreadIsFrozen() throws {
    let program = try RunningProgram(try TestProgram.path("leaderless.c", .c(["-pthread"])))
    #expect(eventually(within: 10) { (try? Procfs.stat(of: program.pid))?.state == "Z" })
    for _ in 0..<3 {
      let frozen = try FrozenProcess.freeze(program.pid)
      #expect(frozen.threads.count == 1)
      #expect(frozen.release() == [])
      #expect(children(of: program.pid).isEmpty)
    }
    #expect(try StoppedProcess.stop(program.pid).threads.count == 1)
    #expect(try Procfs.threads(of: program.pid).count == 2)
    // What lies under the main thread's number is empty; its program's file is found all the same, and so are its names.
    let stat = try Procfs.stat(of: program.pid)
    #expect(!stat.hasEnded && stat.memoryThread != program.pid && stat.isSameProgram(as: stat))
    #expect(try Procfs.status(of: program.pid).residentBytes > 0)
    let path = try #require(Procfs.executable(of: program.pid))
    #expect(path.contains("leaderless"))
    let image = try ProcessImage.running(pid: program.pid)
    let module = try #require(image.modules.first { $0.path == path })
    #expect(image.files.open(module) != nil)
  }

  @Test func processInAnotherPIDNamespace() throws {
    guard geteuid() == 0, Command.exists("unshare") else {
      print("skipped: needs root and unshare")
      return
    }
    let path = try TestProgram.path("sequence.c", .c(["-O1", "-pthread"]))
    let program = try RunningProgram("/usr/bin/env", ["unshare", "--pid", "--fork", "--kill-child", path, "16"])
    let inner = try #require(children(of: program.pid).first { $0.state != "Z" }).pid
    #expect(try Procfs.status(of: inner).namespacePIDs.last == 1)
    for _ in 0..<3 {
      let frozen = try FrozenProcess.freeze(inner)
      #expect(frozen.threads.count == 6)
      #expect(frozen.release() == [])
      #expect(children(of: inner).isEmpty)
    }
    #expect(program.isRunning)
  }
}
