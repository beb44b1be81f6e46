import Foundation
import TestSupport
import Testing
import Timeline

/// What a recorder says about a target that comes and goes, on clocks that the test sets.
struct RecorderTests {
  /// Clocks at `seconds`, each with its own deviation.
  static func now(_ seconds: Double, wall: Double = 0, asleep: Double = 0) -> Recorder.Now {
    let base = 1_000_000.0
    return Recorder.Now(
      wall: UInt64((base + 1.7e9 + seconds + asleep + wall) * 1e9), monotonic: UInt64((base + seconds) * 1e9),
      boot: UInt64((base + seconds + asleep) * 1e9))
  }

  @Test func clocksThatJumpAreSaid() {
    var recorder = Recorder(.pid(getpid()))
    #expect(recorder.tick(Self.now(0)).events.map(\.kind) == [.started])
    #expect(recorder.tick(Self.now(1)).events.isEmpty)
    #expect(recorder.tick(Self.now(2, wall: -3600)).events.map(\.kind) == [.clockJump])
    #expect(recorder.tick(Self.now(3, wall: -3600, asleep: 600)).events.map(\.kind) == [.suspended])
    #expect(recorder.tick(Self.now(63, wall: -3600, asleep: 600)).events.map(\.kind) == [.gap])
    #expect(recorder.tick(Self.now(64, wall: -3600, asleep: 600)).sample?[.rss] != nil)
  }

  /// There is no sample after the end, and with a container its group may be gone, too.
  @Test(arguments: [false, true]) func anEndForLackOfMemoryIsSaid(isGroupRemoved: Bool) throws {
    let program = try RunningProgram(TestProgram.path("sleeper.c", .c([])), ["100000"])
    defer { program.stop() }
    let files = [
      "pod/memory.max": "max\n", "pod/memory.events": "max 0\noom 3\noom_kill 3\n",
      "pod/c/memory.max": "1000000\n", "pod/c/memory.current": "999000\n", "pod/c/memory.stat": "anon 900000\n",
      "pod/c/memory.events": "max 1\noom 0\noom_kill 0\n", "pod/c/cgroup.procs": "\(program.pid)\n",
    ]
    try ReaderTests.withTree(files) { folder in
      var recorder = Recorder(.group(folder + "/pod/c"))
      #expect(recorder.tick(Self.now(0)).events.map(\.kind) == [.started])
      #expect(recorder.tick(Self.now(1)).events.isEmpty)
      program.stop()
      try "max 9\noom 4\noom_kill 4\n".write(toFile: folder + "/pod/memory.events", atomically: true, encoding: .utf8)
      if isGroupRemoved {
        try FileManager.default.removeItem(atPath: folder + "/pod/c")
      } else {
        try "max 9\noom 1\noom_kill 1\n".write(
          toFile: folder + "/pod/c/memory.events", atomically: true, encoding: .utf8)
      }
      let events = recorder.tick(Self.now(2)).events
      #expect(events.map(\.kind) == [.ended, .outOfMemory], "\(events)")
      let place = isGroupRemoved ? "\(folder)/pod, the group above it" : "its control group"
      #expect(events.last?.detail == "for lack of memory the kernel killed 1 process of \(place)")
      #expect(!recorder.tick(Self.now(3)).events.contains { $0.kind == .outOfMemory })
    }
  }

  /// The shell that starts a service again is alone in the group for a while.
  @Test func aGroupIsFollowedToItsService() throws {
    let shell = try RunningProgram(TestProgram.path("sleeper.c", .c([])), ["100000"])
    defer { shell.stop() }
    let files = [
      "c/memory.max": "max\n", "c/memory.current": "999000\n", "c/memory.stat": "anon 900000\n",
      "c/cgroup.procs": "\(shell.pid)\n",
    ]
    try ReaderTests.withTree(files) { folder in
      var recorder = Recorder(.group(folder + "/c"))
      #expect(recorder.tick(Self.now(0)).run?.pid == shell.pid)
      #expect(recorder.tick(Self.now(3)).run?.pid == shell.pid)
      let service = try RunningProgram(
        TestProgram.path("sequence.c", .c(["-O1", "-pthread"])), ["64", "1", "quiet"])
      defer { service.stop() }
      try "\(shell.pid)\n\(service.pid)\n".write(toFile: folder + "/c/cgroup.procs", atomically: true, encoding: .utf8)
      let tick = recorder.tick(Self.now(6))
      #expect(tick.run?.pid == service.pid && tick.events.map(\.kind) == [.restarted], "\(tick.events)")
      #expect(tick.sample?[.rss] ?? 0 > 33_554_432)
      #expect(recorder.tick(Self.now(9)).events.isEmpty)
    }
  }

  @Test func aRestartGoesOnUnderANewProcess() throws {
    let path = try TestProgram.path("sleeper.c", .c([]))
    let first = try RunningProgram(path, ["100000", "memwhy-restart-test"])
    var recorder = Recorder(.pid(first.pid))
    let before = try Self.wait(&recorder) { $0.sample != nil }
    #expect(before.run?.pid == first.pid)
    first.stop()
    #expect(try Self.wait(&recorder) { $0.sample == nil }.run == nil)
    let second = try RunningProgram(path, ["100000", "memwhy-restart-test"])
    let after = try Self.wait(&recorder) { $0.sample != nil }
    #expect(after.run?.pid == second.pid)
    #expect(after.events.map(\.kind) == [.restarted])
    second.stop()
  }

  /// Another instance of the same service, which was there all the time, is no restart of it.
  @Test func anotherInstanceIsNoRestart() throws {
    let path = try TestProgram.path("sleeper.c", .c([]))
    let arguments = ["100000", "memwhy-replica-test"]
    let older = try RunningProgram(path, arguments)
    defer { older.stop() }
    // Starts are told apart by ticks of 10 ms.
    usleep(50_000)
    let first = try RunningProgram(path, arguments)
    usleep(50_000)
    var recorder = Recorder(.pid(first.pid))
    _ = try Self.wait(&recorder) { $0.sample != nil }
    first.stop()
    _ = try Self.wait(&recorder) { $0.sample == nil }
    #expect(recorder.tick().sample == nil)
    usleep(50_000)
    let second = try RunningProgram(path, arguments)
    defer { second.stop() }
    #expect(try Self.wait(&recorder) { $0.sample != nil }.run?.pid == second.pid)
  }

  /// A service that starts its successor before it ends: that goes on where nothing else comes.
  @Test func aSuccessorThatWasThereBeforeIsFound() throws {
    let path = try TestProgram.path("sleeper.c", .c([]))
    let arguments = ["100000", "memwhy-handover-test"]
    let first = try RunningProgram(path, arguments)
    usleep(50_000)
    var recorder = Recorder(.pid(first.pid))
    _ = try Self.wait(&recorder) { $0.sample != nil }
    let second = try RunningProgram(path, arguments)
    defer { second.stop() }
    usleep(50_000)
    _ = try Self.wait(&recorder) { $0.sample != nil }
    first.stop()
    #expect(try Self.wait(&recorder) { $0.sample != nil && $0.run?.pid != first.pid }.run?.pid == second.pid)
  }

  /// A program that starts another one in its own place on SIGUSR1, as wrappers of services do.
  ///
  /// - Parameter mark: the beginning of its script.
  static func wrapper(mark: String = "") throws -> RunningProgram {
    try RunningProgram(
      "/bin/sh", ["-c", "\(mark)trap 'exec sleep 600' USR1; echo READY; while :; do sleep 0.02; done"], ready: "READY")
  }

  /// The same process with another program in it: another life, which is said.
  @Test func anotherProgramInTheSameProcess() throws {
    let program = try Self.wrapper()
    defer { program.stop() }
    var recorder = Recorder(.pid(program.pid))
    let before = try #require(recorder.tick(Self.now(0)).run)
    #expect(recorder.tick(Self.now(1)).run == before)
    kill(program.pid, SIGUSR1)
    let tick = try Self.wait(&recorder) { $0.run != before }
    let after = try #require(tick.run)
    #expect(after.pid == program.pid && after.startTicks == before.startTicks && after.command == "sleep 600")
    #expect(after.isSameProcess(as: before) && !after.isSameLife(as: before))
    #expect(tick.events.map(\.kind) == [.ended, .restarted], "\(tick.events)")
    #expect(tick.events.first?.detail == "process \(program.pid) (\(before.name)) started another program, sleep")
    #expect(tick.sample?[.rss] != nil && recorder.tick(Self.now(9)).run == after)
  }

  /// Who asked for a name does not want what has another one.
  @Test func anotherProgramOfAnotherName() throws {
    // Its command line is its own: other shells, and wrappers of other tests, run beside this one.
    let mark = ": \(UInt64.random(in: 0 ... .max)); "
    let program = try Self.wrapper(mark: mark)
    defer { program.stop() }
    var recorder = Recorder(.name("/bin/sh -c \(mark)"))
    let before = try Self.wait(&recorder) { $0.run != nil }
    kill(program.pid, SIGUSR1)
    let tick = try Self.wait(&recorder) { $0.run?.pid != before.run?.pid }
    #expect(tick.events.first?.kind == .ended && tick.run == nil, "\(tick.events)")
  }

  /// Ticks until `done`; a process needs a moment until its command line is its own.
  static func wait(_ recorder: inout Recorder, _ done: (Recorder.Tick) -> Bool) throws -> Recorder.Tick {
    for round in 0..<6000 {
      let tick = recorder.tick(now(Double(round)))
      if done(tick) { return tick }
      usleep(5000)
    }
    throw TestFailure("the recorder did not notice")
  }

  @Test func nothingToWatchIsNoSample() {
    var recorder = Recorder(.name("no-such-program-\(UInt64.random(in: 0 ... .max))"))
    let tick = recorder.tick()
    #expect(tick.sample == nil && tick.events.isEmpty)
  }
}
