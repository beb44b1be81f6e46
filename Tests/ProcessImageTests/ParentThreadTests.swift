import Foundation
import TestSupport
import Testing

@testable import ProcessImage

/// The program `parent.c`, running.
private final class ParentProgram {
  let program: RunningProgram
  private let file = NSTemporaryDirectory() + "memwhy-parent-\(getpid())-\(UInt64.random(in: 0 ... .max))"

  init(_ options: [String] = []) throws {
    program = try RunningProgram(try TestProgram.path("parent.c", .c(["-O1", "-pthread"])), [file] + options)
  }

  deinit { unlink(file) }

  func words() throws -> (interrupted: UInt64, ended: UInt64) {
    let bytes = try contents(of: file)
    try #require(bytes.count == 16)
    return bytes.withUnsafeBytes { ($0.load(as: UInt64.self), $0.load(fromByteOffset: 8, as: UInt64.self)) }
  }
}

/// A target whose children end while it is being copied.
@Suite(.serialized) struct ParentThreadTests {
  /// The kernel wakes a thread for the end of another thread's child where that one is traced.
  @Test func childrenThatEndInterruptNobody() throws {
    let parent = try ParentProgram()
    let program = parent.program
    var options = FreezeOptions()
    // Many children end in the time that one thread is held and the others are not.
    options.phaseHook = { phase in
      if phase == .othersReleased || phase == .reapFramesWritten { usleep(40_000) }
    }
    let before = try parent.words().ended
    for _ in 0..<10 {
      #expect(try FrozenProcess.freeze(program.pid, options: options).release() == [])
    }
    #expect(try parent.words().interrupted == 0)
    #expect(try parent.words().ended > before + 10)
    #expect(program.isRunning)
  }

  @Test(arguments: [false, true]) func threadsThatAreMakingAChildAreKnown(holdsBack: Bool) throws {
    let parent = try ParentProgram(holdsBack ? ["hold"] : [])
    let program = parent.program
    let pid = program.pid
    let tracer = try #require(TracerThread())
    let found = tracer.run { () -> [Int32]? in
      let group = ThreadGroup(pid: pid)
      defer { group.detachAll() }
      do throws(ThreadGroup.Failure) {
        _ = try group.seizeAll(interrupt: false)
        try group.stopAll(until: Clocks.monotonic &+ 10_000_000_000) {}
      } catch { return nil }
      return group.threads.map(\.tid).filter(ParentThreads.isSpawning)
    }
    tracer.end()
    #expect(found == .some(holdsBack ? [pid] : []))
    #expect(program.isRunning)
  }

  @Test func threadsWithChildrenAreFound() throws {
    let parent = try ParentProgram()
    let program = parent.program
    let threads = ParentThreads(of: program.pid)
    // It is without a child for some microseconds between two of them.
    #expect(eventually(within: 10) { threads.current() == [program.pid] })
    #expect(eventually(within: 10) { ParentThreads.isParent(pid: program.pid, thread: program.pid) })
    let others = try Procfs.threads(of: program.pid).filter { $0 != program.pid }
    #expect(others.count == 4)
    #expect(!others.contains { ParentThreads.isParent(pid: program.pid, thread: $0) })
  }
}
