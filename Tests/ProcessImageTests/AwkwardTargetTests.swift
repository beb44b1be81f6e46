import Foundation
import TestSupport
import Testing

@testable import ProcessImage

/// Targets that are unusual, or change while they are read.
@Suite struct AwkwardTargetTests {
  @Test func mainThreadHasEnded() throws {
    let program = try RunningProgram(try TestProgram.path("leaderless.c", .c(["-pthread"])))
    #expect(try Procfs.stat(of: program.pid).state == "Z")
    let image = try ProcessImage.running(pid: program.pid)
    let answer = try ProgramFacts(program.output).value("answer")
    #expect(try image.memory.load(UInt64.self, at: answer) == 0x5566_7788_99aa_bbcc)
    let main = try #require(image.modules.first { $0.name.hasPrefix("leaderless") })
    #expect(image.files.open(main) != nil)
  }

  /// Sleepers are the last choice for removing the copy; where there are no others, asking all of them takes longer than there is time.
  @Test func copyOfManySleepersLeavesNoZombie() throws {
    let program = try RunningProgram(try TestProgram.path("sleepers.c", .c(["-pthread"])), ["1000"])
    defer { program.stop() }
    let (_, copy) = try ProcessImage.frozen(pid: program.pid)
    #expect(copy.release() == [])
    #expect(Reaper.zombies(of: program.pid).isEmpty)
  }

  @Test func thirtyTwoBits() throws {
    let program: RunningProgram
    do {
      program = try RunningProgram(
        try TestProgram.path("narrow.S", .c(["-m32", "-nostdlib", "-static"])), timeout: 5)
    } catch {
      print("skipped: no 32-bit programs here: \(error)")
      return
    }
    #expect(throws: ProcessImageError.unsupportedTarget(pid: program.pid, reason: "it is a 32-bit program")) {
      try ProcessImage.running(pid: program.pid)
    }
  }

  /// After exec the memory that was opened is gone; the new program's is not taken for it.
  @Test func execHalfWay() throws {
    let next = try Linking.pie.program()
    let program = try RunningProgram(
      "/bin/sh", ["-c", "echo FIRST; sleep 0.3; exec \"$1\"", "sh", next], ready: "FIRST")
    let image = try ProcessImage.running(pid: program.pid)
    let start = try #require(image.modules.first).start
    #expect(try image.memory.load(UInt32.self, at: start) == 0x464c_457f)
    let deadline = Date().addingTimeInterval(10)
    while !program.output.contains("READY"), Date() < deadline { usleep(5000) }
    #expect(throws: MemoryError.targetGone) { try image.memory.load(UInt32.self, at: start) }
    #expect(try ProcessImage.running(pid: program.pid).modules.contains { $0.path == next })
  }

  /// A library that was replaced by an update: the file that is mapped is read, not the new one.
  @Test func replacedLibrary() throws {
    let folder = try makeTemporaryFolder("library")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let library = folder + "/libc.so.6"
    let maps = try Procfs.mappings(of: getpid())
    let original = try #require(maps.map(\.path).first { $0.hasSuffix("/libc.so.6") })
    try FileManager.default.copyItem(atPath: original, toPath: library)
    let program = try RunningProgram(try Linking.pie.program(), environment: ["LD_LIBRARY_PATH": folder])
    // As a package manager does it: a new file is moved over the old one.
    try FileManager.default.copyItem(atPath: "/bin/true", toPath: folder + "/new")
    #expect(rename(folder + "/new", library) == 0)
    let image = try ProcessImage.running(pid: program.pid)
    let module = try #require(image.modules.first { $0.path == library })
    #expect(module.isDeleted)
    if let file = image.files.open(module) {
      #expect(try ELFFile(file).buildID == module.buildID)
      #expect(file.count == (try DiskFile(path: original)).count)
    } else {
      print("skipped in part: map_files needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE")
      #expect(geteuid() != 0)
    }
  }

  /// As another user every door is shut, and the message says why.
  @Test func notPermitted() throws {
    guard geteuid() == 0 else {
      print("skipped: only root can become another user")
      return
    }
    // The mapping list is what an unprivileged user asks for first; `cat` stands for memwhy.
    let program = try RunningProgram(try Linking.pie.program())
    let result = try Command.run("setpriv", ["--reuid=65534", "--clear-groups", "cat", "/proc/\(program.pid)/maps"])
    #expect(result.status != 0 && result.errors.contains("Permission denied"))
    let error = Procfs.failure(EACCES, pid: program.pid, file: "maps", attempted: "list the mappings")
    let capabilities = try Procfs.status(of: getpid()).effectiveCapabilities
    // This process is root, so only a security module could have refused it.
    #expect(
      error == .notPermitted(pid: program.pid, attempted: "list the mappings", reason: .securityModule)
        || capabilities & Permission.ptraceCapability == 0)
    let own = ProcessStatus(parsing: Array("Uid:\t65534\t65534\t65534\t65534\nCapEff:\t0000000000000000\n".utf8))
    let other = try Procfs.status(of: program.pid)
    #expect(Permission.denial(own: own, other: other, user: 65534, yamaScope: 0) == .otherUser(uid: 0))
  }
}
