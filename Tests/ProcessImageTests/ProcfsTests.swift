import Foundation
import TestSupport
import Testing

@testable import ProcessImage

@Suite struct ProcfsTests {
  /// Event data and signal values that may be addresses; descriptors and indices are none.
  @Test func wordsOfTheKernel() {
    let epoll = """
      pos:\t0
      flags:\t02
      tfd:       11 events:       19 data:     55d0c8a0f2c0  pos:0 ino:3a sdev:e
      tfd:       12 events:        1 data:                c  pos:0 ino:3a sdev:e
      tfd:       13 events:        1 data: 7f0000000bad
      tfd:       14 events:        1 data:
      """
    #expect(KernelWords.parseEpoll(Array(epoll.utf8)) == [0x55d0_c8a0_f2c0, 0x7f00_0000_0bad])
    let timers = """
      ID: 0
      signal: 10/000055d0c8a0f2c0
      notify: signal/pid.2634
      ClockID: 1
      ID: 1
      signal: 10/0000000000000003
      """
    #expect(KernelWords.parseTimers(Array(timers.utf8)) == [0x55d0_c8a0_f2c0])
    #expect(KernelWords.parseEpoll([0xff, 0x0a, 0x74]) == [])
  }

  @Test func mapsLines() {
    let text = """
      55d0c0a00000-55d0c0a01000 r--p 00000000 fe:00 1234                       /opt/my app/bin (1)/prog
      55d0c0a01000-55d0c0a02000 r-xp 00001000 fe:00 1234                       /opt/my app/bin (1)/prog (deleted)
      7f0000000000-7f0000021000 rw-p 00000000 00:00 0\u{20}
      7f0000100000-7f0000101000 rw-s 00000000 00:05 99                         /dev/shm/line\\012break
      7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]
      7ffc00030000-7ffc00034000 r--p 00000000 00:00 0                          [vvar]
      ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
      """
    let maps = MapsParser.parse(Array(text.utf8))
    #expect(maps.count == 7)
    #expect(maps[0].path == "/opt/my app/bin (1)/prog" && !maps[0].isDeleted && maps[0].inode == 1234)
    #expect(maps[1].path == "/opt/my app/bin (1)/prog" && maps[1].isDeleted && maps[1].fileOffset == 0x1000)
    #expect(maps[1].permissions == [.read, .execute])
    #expect(maps[2].path.isEmpty && maps[2].isAnonymous && maps[2].size == 0x21000)
    #expect(maps[3].path == "/dev/shm/line\nbreak" && maps[3].permissions.contains(.shared))
    #expect(maps[4].path == "[stack]" && maps[4].isWritablePrivate)
    #expect(maps[5].isKernel && maps[6].isKernel && maps[6].start == 0xffff_ffff_ff60_0000)
  }

  @Test func mapsDamage() {
    let text = """
      garbage
      1000-500 r--p 00000000 00:00 0
      fffffffffffffffff-1 r--p 00000000 00:00 0
      1000-3000 r
      -
      1000-3000 r--p 00000000 00:00 0
      2000-4000 r--p 00000000 00:00 0
      0800-1000 rw-p 0 0:0 0
      """
    let maps = MapsParser.parse(Array(text.utf8))
    #expect(maps.map(\.start) == [0x800, 0x1000])
    #expect(MapsParser.parse([]).isEmpty)
  }

  @Test func statWithHostileName() throws {
    let tail = "S 7 1 1 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 3 0 5555 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 17 1 0 0"
    let stat = try #require(ProcessStat(parsing: Array("42 (a) R (\n x)) \(tail)\n".utf8)))
    #expect(stat.id == 42 && stat.name == "a) R (\n x)" && stat.state == "S" && stat.parent == 7)
    #expect(stat.startTime == 5555 && stat.exitSignal == 17 && !stat.isKernelThread)
    #expect(ProcessStat(parsing: Array("42 (a".utf8)) == nil)
    #expect(ProcessStat(parsing: []) == nil)
  }

  /// Until exec is done the code has no place and the stack not its last one; who may not trace it reads 1 and 0.
  @Test func programsThatCannotBeComparedAreTheSame() throws {
    func stat(code: UInt64, stack: UInt64, start: Int = 5555) throws -> ProcessStat {
      let head = "42 (a) S 7 1 1 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 3 0"
      let text = "\(head) \(start) 1 2 3 \(code) 5 \(stack) 7 8 9 10 11 12 13 14 15 17 1\n"
      return try #require(ProcessStat(parsing: Array(text.utf8)))
    }
    let known = try stat(code: 4096, stack: 8192)
    #expect(known.place?.mark != nil && known.isSameProgram(as: known))
    for unknown in [try stat(code: 0, stack: 8000), try stat(code: 1, stack: 0), try stat(code: 0, stack: 0)] {
      #expect(unknown.place == nil && unknown.isSameProgram(as: known) && known.isSameProgram(as: unknown))
    }
    #expect(!known.isSameProgram(as: try stat(code: 4096, stack: 8000)))
    #expect(!known.isSameProgram(as: try stat(code: 0, stack: 0, start: 5556)))
  }

  @Test func ownProcess() throws {
    let pid = getpid()
    let target = try Procfs.target(pid)
    #expect(target.memoryThread == pid)
    #expect(target.status.processID == pid && target.status.namespacePIDs.first == pid)
    #expect(target.status.parent == getppid() && target.stat.parent == getppid())
    #expect(target.status.userIDs == [getuid(), geteuid(), geteuid(), geteuid()])
    #expect(try Procfs.threads(of: pid).contains(pid))
    #expect(
      Procfs.executable(of: pid) == (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")))
    // AT_PAGESZ is 6.
    #expect(AuxiliaryVector.parse(try contents(of: "/proc/self/auxv"))[6] == UInt64(sysconf(Int32(_SC_PAGESIZE))))
  }

  @Test func noSuchProcess() {
    // Above every pid_max.
    for pid in [Int32.max, 0, -1] {
      #expect(throws: ProcessImageError.noSuchProcess(pid: pid)) { try ProcessImage.running(pid: pid) }
    }
  }

  @Test func kernelThread() throws {
    // kthreadd is 2 where the kernel's threads are visible.
    guard let stat = try? Procfs.stat(of: 2), stat.isKernelThread else {
      print("skipped: no kernel thread is visible in this pid namespace")
      return
    }
    #expect(throws: ProcessImageError.kernelThread(pid: 2, name: stat.name)) { try ProcessImage.running(pid: 2) }
  }

  @Test func aZombieIsAnError() throws {
    var child: pid_t = 0
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
    defer { free(arguments[0]) }
    #expect(posix_spawn(&child, "/bin/true", nil, nil, &arguments, nil) == 0)
    defer { waitpid(child, nil, 0) }
    let deadline = Date().addingTimeInterval(10)
    while (try? Procfs.stat(of: child))?.hasEnded != true, Date() < deadline { usleep(1000) }
    #expect(throws: ProcessImageError.zombie(pid: child, name: "true", parent: getpid())) {
      try ProcessImage.running(pid: child)
    }
  }

  @Test func threadOfAProcess() throws {
    let ended = DispatchSemaphore(value: 0)
    let (started, tid) = (DispatchSemaphore(value: 0), TIDBox())
    let thread = Thread {
      // The last name that /proc/thread-self leads to is this thread's id.
      let link = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")) ?? ""
      tid.value = Int32(link.split(separator: "/").last ?? "") ?? 0
      started.signal()
      ended.wait()
    }
    thread.start()
    started.wait()
    defer { ended.signal() }
    #expect(throws: ProcessImageError.isThread(tid: tid.value, process: getpid())) {
      try ProcessImage.running(pid: tid.value)
    }
  }

  private final class TIDBox: @unchecked Sendable { var value: Int32 = 0 }

  @Test func aDenialNamesItsReason() {
    func status(_ text: String) -> ProcessStatus { ProcessStatus(parsing: Array(text.utf8)) }
    let mine = status("Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\n")
    let root = status("Uid:\t0\t0\t0\t0\nCapEff:\t0000000000080002\n")
    let same = status("Uid:\t1000\t1000\t1000\t1000\nCapPrm:\t0000000000000000\n")
    let able = status("Uid:\t1000\t1000\t1000\t1000\nCapPrm:\t0000000000000400\n")
    let other = status("Uid:\t7\t7\t7\t7\n")
    let admin = ProcessStatus(parsing: Array("Seccomp:\t0\nCapEff:\t200000\n".utf8))
    let filtered = ProcessStatus(parsing: Array("Seccomp:\t2\nCapEff:\t200000\n".utf8))
    let whole = Array("         0          0 4294967295\n".utf8)
    #expect(Permission.mayReadFilters(admin, userMap: whole))
    #expect(!Permission.mayReadFilters(admin, userMap: Array("         0       1000          1\n".utf8)))
    #expect(!Permission.mayReadFilters(filtered, userMap: whole))
    #expect(!Permission.mayReadFilters(mine, userMap: whole))
    #expect(Permission.denial(own: mine, other: other, user: 1000, yamaScope: 0) == .otherUser(uid: 7))
    #expect(Permission.denial(own: mine, other: same, user: 1000, yamaScope: 1) == .yama(scope: 1))
    #expect(Permission.denial(own: mine, other: same, user: 1000, yamaScope: 0) == .notDumpable)
    #expect(Permission.denial(own: mine, other: able, user: 1000, yamaScope: 0) == .moreCapabilities)
    #expect(Permission.denial(own: root, other: other, user: 0, yamaScope: 0) == .securityModule)
    let tracer = status("Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000080000\n")
    #expect(Permission.denial(own: tracer, other: other, user: 1000, yamaScope: 1) == .otherUsersFiles(uid: 7))
    #expect(Permission.denial(own: tracer, other: same, user: 1000, yamaScope: 1) == .securityModule)
    #expect(
      Permission.denial(own: root, other: other, user: 0, yamaScope: 0, isInNamespace: true) == .otherNamespace)
    // What the rules say comes first; where they permit it, a filter that forbids ptrace is the reason, with the capability and without.
    for own in [root, tracer, same] {
      #expect(Permission.denial(own: own, other: same, user: 1000, yamaScope: 0, isFiltered: true) == .filtered)
    }
    #expect(
      Permission.denial(own: same, other: other, user: 1000, yamaScope: 0, isFiltered: true) == .otherUser(uid: 7))
    #expect(Permission.denial(own: root, other: other, user: 0, yamaScope: 3) == .yama(scope: 3))
  }
}
