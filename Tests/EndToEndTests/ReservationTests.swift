import TestSupport
import Testing

/// Programs that reserve far more than they use, as runtimes with a heap at a fixed place and sanitizers do.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct ReservationTests {
  /// Read byte by byte, four terabytes would take an hour.
  @Test(arguments: [[], ["--freeze", "stop"]])
  func onlyPagesThatAreUsedAreRead(freeze: [String]) throws {
    let path = try TestProgram.path("reservation.c", .c(["-O1"]))
    let program = try RunningProgram(path, ["4096"], ready: "R")
    defer { program.stop() }
    guard program.output.contains("READY") else { return skip("no 4 TiB of address space to reserve") }
    let result = try MemwhyBinary.run(["leaks", "\(program.pid)"] + freeze, timeout: 60)
    #expect(result.status == 0, "\(result.errors)")
    // What only the reservation leads to is found there.
    #expect(result.output.hasPrefix("No leak"), "\(result.output)")
  }

  @Test func withAnAllocatorThatIsNotKnown() throws {
    let allocator = try TestProgram.path("foreign-malloc", .c(["-shared", "-fPIC", "-O2", "-fno-builtin"]))
    let path = try TestProgram.path("reservation.c", .c(["-O1"]))
    let program = try RunningProgram(path, ["4096"], environment: ["LD_PRELOAD": allocator], ready: "R")
    defer { program.stop() }
    guard program.output.contains("READY") else { return skip("no 4 TiB of address space to reserve") }
    let result = try MemwhyBinary.run(["leaks", "\(program.pid)"], timeout: 60)
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output.contains("leaks cannot be"), "\(result.output)")
  }
}
