import Foundation
import ProcessImage
import TestSupport
import Testing

/// Ctrl-C at any moment: the process goes on, and no ended copy is left in it.
@Suite(.timeLimit(.minutes(10)))
struct InterruptionTests {
  private func children(of pid: Int32) -> [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { Int32($0) }.filter { (try? Procfs.stat(of: $0))?.parent == pid }
  }

  /// The copy is being made, or is there and nobody knows it yet, or is read, or is being removed.
  @Test(arguments: 0..<24) func leavesNothingBehind(step: Int) throws {
    let target = try RunningProgram(try TestProgram.path("sequence.c", .c(["-O1", "-pthread"])), ["400"])
    let tool = try RunningProgram(
      try MemwhyBinary.path(), ["heap", "\(target.pid)"], ready: "about to pause", mergeErrors: true)
    usleep(UInt32(step) * 1_500)
    kill(tool.pid, SIGINT)
    let deadline = Date().addingTimeInterval(20)
    while tool.isRunning, Date() < deadline { usleep(2_000) }
    #expect(!tool.isRunning)
    #expect(children(of: target.pid).isEmpty)
    #expect(target.isRunning)
  }
}
