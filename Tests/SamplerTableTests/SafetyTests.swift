import Foundation
import SamplerTable
import TestSupport
import Testing

/// Programs that are hard on a sampler end as they do without it: same output, same end.
@Suite struct SafetyTests {
  static let hazards = [
    "fork", "fork-threads", "vfork", "spawn", "exec", "longjmp", "handlers", "dlopen", "crossing", "storm", "seccomp",
    "filter", "left", "kill", "abort", "deep", "limits", "made-code",
  ]

  @Test(arguments: hazards) func endsAsWithout(_ name: String) throws {
    let program = try TestProgram.path(
      "sampler/hazards.c", .c(["-O1", "-fno-omit-frame-pointer", "-pthread", "-ldl"]))
    let plain = try Command.run(program, [name])
    for interval: UInt64 in [1, 65536] {
      let run = try SamplerRun(interval: interval)
      let sampled = try run.run(program, [name])
      #expect(sampled.output == plain.output, "interval \(interval)")
      #expect(sampled.status == plain.status, "interval \(interval)")
      #expect(sampled.errors == plain.errors, "interval \(interval)")
      let table = try run.read()
      #expect(table.header.samples > 0)
      #expect(table.damage.badSites + table.damage.badBlocks == 0)
    }
  }

  /// What the sampler does before it knows the allocator below, and in a forked child, where other threads were in the middle of something.
  @Test func nothingIsLostBeforeTheAllocatorIsKnownAndAcrossAFork() throws {
    let folder = try makeTemporaryFolder("internals")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let include = TestProgram.packageRoot.appendingPathComponent("Sources/CMemwhySampler/include").path
    let source = TestProgram.folder.path + "/sampler/internals.c"
    try TestProgram.run("clang", ["-O1", "-I", include, "-o", folder + "/internals", source, "-ldl"])
    let run = try Command.run(folder + "/internals", [], timeout: 30)
    #expect(run.status == 0 && run.output.isEmpty, "\(run.output)")
  }

  /// A sanitizer's allocator is called before the program's own code may run.
  @Test func aProgramBuiltWithASanitizerKeepsItsAllocator() throws {
    let folder = try makeTemporaryFolder("sanitized")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let sampler = TestProgram.packageRoot.appendingPathComponent("Sources/CMemwhySampler").path
    let sources = try FileManager.default.contentsOfDirectory(atPath: sampler).filter { $0.hasSuffix(".c") }.sorted()
    try TestProgram.run(
      "clang",
      ["-O1", "-fsanitize=address", "-I", sampler + "/include", "-o", folder + "/sanitized"]
        + sources.map { sampler + "/" + $0 } + [TestProgram.folder.path + "/sampler/sanitized.c", "-ldl", "-lpthread"])
    let run = try Command.run(folder + "/sanitized", [], environment: ["ASAN_OPTIONS": "detect_leaks=0"])
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output == "not called 499500\n")
  }

  /// A small table has room for 128: what more are loaded must not be written over what lies behind them.
  @Test func modulesBeyondTheRoomOfASmallTableAreCountedOnly() throws {
    let flags = ["-O1", "-fno-omit-frame-pointer", "-ldl"]
    let program = try TestProgram.path("sampler/modules.c", .c(flags))
    let library = try TestProgram.path("sampler/modules.c", .c(flags + ["-shared", "-fPIC", "-DLIBRARY"]))
    let folder = try makeTemporaryFolder("modules")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let copies = (0..<160).map { "\(folder)/\($0).so" }
    for copy in copies { try FileManager.default.copyItem(atPath: library, toPath: copy) }
    let run = try SamplerRun(tableSize: 1 << 20)
    #expect(try run.run(program, copies).status == 0)
    let table = try run.read()
    #expect(table.modules.count == 128 && table.damage.isEmpty)
    // The program, the C library and their like beside the copies; each once, however often the list is read.
    #expect((32...48).contains(table.header.lostModules), "\(table.header.lostModules)")
    // Right behind the modules; the first stands for those that find no room.
    #expect(table.threads.map(\.id) == [0, table.header.pid])
  }

  /// A table that would be larger than the limit on files is not made: no SIGXFSZ.
  @Test func aLimitOnFilesLeavesTheProgramAlone() throws {
    let program = try KnownProgram.path()
    let run = try SamplerRun(extra: ["MEMWHY_SAMPLER_TARGET": program])
    let result = try run.run("/bin/sh", ["-c", "ulimit -f 100; exec \"$@\"", "sh", program, "totals", "1"])
    #expect(result.status == 0 && result.output.contains("site "), "\(result)")
    #expect(throws: SamplerTableError.self) { try run.read() }
  }

  /// What passes by malloc cannot be sampled; it is said.
  @Test func anAllocatorsOwnNewIsSaid() throws {
    let flags = ["-O1", "-fno-omit-frame-pointer"]
    let library = try TestProgram.path("sampler/operators.c", .c(flags + ["-shared", "-fPIC", "-DLIBRARY"]))
    let program = try TestProgram.path("sampler/operators.c", .c(flags + [library]))
    let run = try SamplerRun(interval: 1)
    #expect(try run.run(program).output == "kept\n")
    let table = try run.read()
    #expect(table.blocks.count { $0.size == 1000 } == 100)
    #expect(table.header.flags.contains(.ownNew))
    let plain = try SamplerRun(interval: 1)
    _ = try plain.run(try KnownProgram.path(), ["totals", "1"])
    #expect(try !plain.read().header.flags.contains(.ownNew))
  }

  @Test func aKilledProcessLeavesItsProfile() throws {
    let run = try SamplerRun(interval: 4096)
    let program = try RunningProgram(try KnownProgram.path(), ["hold", "20"], environment: run.environment)
    let places = KnownPlace.parse(program.output)
    program.stop()
    let table = try run.read()
    #expect(table.header.state == .running)
    let place = try #require(places.first { $0.name == "mixed" })
    let estimate = place.sites(table).reduce(Estimate()) { $0 + $1.inUseBytes }
    #expect(place.liveBytes == 20 * 16 * 65536)
    #expect(abs(estimate.value - place.liveBytes) <= max(4 * estimate.standardError, 1))
    #expect(table.growths.contains { $0.kind == .live })
  }

  @Test func aProcessKilledForMemoryLeavesItsProfile() throws {
    guard let group = MemoryGroup(limit: 64 << 20) else { return }
    defer { group.remove() }
    let run = try SamplerRun(interval: 4096)
    let result = try Command.run(
      "/bin/sh", ["-c", "echo $$ > \(group.path)/cgroup.procs && exec \"$@\"", "sh", try KnownProgram.path(), "grow"],
      environment: run.environment.merging(["MEMWHY_SAMPLER_TARGET": "known-"]) { $1 }.merging(
        ["MEMWHY_SAMPLER_TARGET": try KnownProgram.path()]) { $1 })
    #expect(result.status == 128 + SIGKILL)
    let table = try run.read()
    let place = try #require(KnownPlace.parse(result.output).first { $0.name == "small" })
    let held = place.sites(table).reduce(Estimate()) { $0 + $1.inUseBytes }
    // All that the group had room for, but for what the program needs itself.
    #expect(held.value > Double(40 << 20) && held.value < Double(80 << 20), "\(held.value)")
  }

  @Test func aRunningProcessIsReadByItsIdAndMayChangeItsInterval() throws {
    let run = try SamplerRun(interval: 1)
    let program = try RunningProgram(try KnownProgram.path(), ["flat", "60"], environment: run.environment)
    defer { program.stop() }
    let table = try TableReader(TableSource(pid: program.pid)).read()
    #expect(table.header.pid == program.pid)
    #expect(!table.sites.isEmpty)
    try TableSource(path: run.table).setInterval(1 << 30)
    let after = try TableReader(TableSource(path: run.table)).readHeader()
    #expect(after.interval == 1 << 30)
    usleep(300_000)
    let first = try TableReader(TableSource(path: run.table)).readHeader().samples
    usleep(300_000)
    let second = try TableReader(TableSource(path: run.table)).readHeader().samples
    // Every allocation was taken before; now one in a GiB.
    #expect(second - first < 1000, "\(second - first)")
  }

  @Test func librariesThatComeLaterAreInTheTable() throws {
    let library = try TestProgram.path(
      "sampler-library", .c(["-shared", "-fPIC", "-O1", "-fno-omit-frame-pointer", "-Wl,--build-id"]))
    let run = try SamplerRun(interval: 1)
    let program = try RunningProgram(try KnownProgram.path(), ["libraries", library], environment: run.environment)
    defer { program.stop() }
    let words = program.output.split(whereSeparator: \.isWhitespace)
    let place = try #require(words.count > 1 ? UInt64(words[1].dropFirst(2), radix: 16) : nil)
    let table = try run.read()
    let site = try #require(table.sites.first { $0.addresses.first.map { $0 > place && $0 < place + 128 } ?? false })
    #expect(site.inUseBytes.value == 7777)
    let module = try #require(table.module(containing: site.addresses[0]).map { table.modules[$0] })
    #expect(module.path == library)
    #expect(module.buildID.count == 40 || module.buildID.count == 16)
    #expect(table.modules.first?.isExecutable == true)
  }
}

/// A memory group of a test's own, version 1 or 2. Says aloud where there is none.
private struct MemoryGroup {
  let path: String

  init?(limit: Int) {
    guard geteuid() == 0 else {
      print("skipped: control groups need root")
      return nil
    }
    let name = "memwhy-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    let isOld = access("/sys/fs/cgroup/memory/cgroup.procs", F_OK) == 0
    path = (isOld ? "/sys/fs/cgroup/memory/" : "/sys/fs/cgroup/") + name
    guard mkdir(path, 0o755) == 0 else {
      print("skipped: cannot make \(path)")
      return nil
    }
    let files = isOld ? ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"] : ["memory.max", "memory.swap.max"]
    guard (try? "\(limit)".write(toFile: "\(path)/\(files[0])", atomically: false, encoding: .utf8)) != nil else {
      print("skipped: no memory controller in \(path)")
      rmdir(path)
      return nil
    }
    try? (isOld ? "\(limit)" : "0").write(toFile: "\(path)/\(files[1])", atomically: false, encoding: .utf8)
  }

  func remove() { for _ in 0..<50 where rmdir(path) != 0 { usleep(50_000) } }
}
