import Foundation
import TestSupport
import Testing

/// memwhy inside of its target's control group, as in a container: what it allocates is charged to the same limit.
@Suite(.serialized, .timeLimit(.minutes(10))) struct SharedLimitTests {
  /// - Parameter room: MiB that the limit leaves: too little to begin, and enough to begin but not to finish.
  @Test(arguments: [("cow", 10), ("stop", 10), ("none", 10), ("none", 30), ("stop", 40)])
  func memwhyEndsBeforeTheKernelEndsAnybody(freeze: String, room: UInt64) throws {
    guard let group = TestGroup(controller: "memory") else { return }
    let (program, arguments) = group.command(try TestProgram.path("manyblocks.c", .c(["-O1"])), ["500000"])
    let target = try RunningProgram(program, arguments)
    defer {
      group.endAll()
      target.stop()
      group.remove()
    }
    let limit = group.memoryUsage + room << 20
    // In version 2 the kernel then ends the target together with whoever it chose.
    group.write("memory.oom.group", "1")
    group.limitMemory(limit)
    group.write(
      group.isUnified ? "memory.swap.max" : "memory.memsw.limit_in_bytes", group.isUnified ? "0" : "\(limit)")
    let (tool, words) = group.command(
      try MemwhyBinary.path(), ["leaks", "\(target.pid)", "--freeze", freeze])
    let result = try Command.run(tool, words, environment: ["NO_COLOR": "1"], timeout: 100)
    #expect(result.status == 77, "\(result.status): \(result.errors)")
    let reason =
      room < 24
      ? "of room, and memwhy shares"
      : freeze == "stop" ? "start memwhy outside of it, or use --freeze none" : "given up: memwhy shares"
    #expect(result.errors.contains(reason) && result.errors.contains(group.path), "\(result.errors)")
    #expect(target.isRunning && group.outOfMemoryKills ?? 0 == 0)
  }
}
