import Foundation
import TestSupport
import Testing

/// memwhy in a control group that allows it next to no process or thread: as beside a service that has used them all up.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ThreadLimitTests {
  /// Two processors at least are wanted for a second worker to be missing at all; where there is one the test holds as well.
  @Test(arguments: 1...9) func itAnswersOrSaysWhatIsMissing(most: Int) throws {
    guard let group = TestGroup(controller: "pids") else { return }
    let target = try RunningProgram(try TestProgram.path("manyblocks.c", .c(["-O1"])), ["50000", "table"])
    defer {
      target.stop()
      group.remove()
    }
    group.write("pids.max", "\(most)")
    let (tool, words) = group.command(try MemwhyBinary.path(), ["leaks", "\(target.pid)"])
    let result = try Command.run(tool, words, environment: ["NO_COLOR": "1"], timeout: 60)
    #expect(result.status == 0 || result.status == 77, "\(result)")
    if result.status == 77 {
      #expect(
        result.errors.contains("memwhy may not start one more thread (pids.max of \(group.path) is \(most))"),
        "\(result)")
    }
    if most == 9 { #expect(result.status == 0, "\(result)") }
    #expect(target.isRunning)
    let children = try String(contentsOfFile: "/proc/\(target.pid)/task/\(target.pid)/children", encoding: .utf8)
    #expect(children.isEmpty, "\(children)")
  }
}
