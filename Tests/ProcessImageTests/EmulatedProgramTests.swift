import Foundation
import TestSupport
import Testing

@testable import ProcessImage

/// Whether a process is the program that it shows, or one that carries it.
@Suite struct EmulatedProgramTests {
  private func isEmulated(_ path: String, _ arguments: [String], timeout: TimeInterval = 60) throws -> Bool {
    let program = try RunningProgram(path, arguments, timeout: timeout)
    defer { program.stop() }
    return try ProcessImage.running(pid: program.pid).isEmulated
  }

  @Test(arguments: Linking.allCases) func aProgramOfItsOwnIsNot(linking: Linking) throws {
    #expect(try !isEmulated(linking.program(), []))
  }

  /// Started as its argument by the loader, as programs are that bring their libraries along.
  @Test func aProgramThatTheLoaderStartsIsNot() throws {
    let loader = "/lib64/ld-linux-x86-64.so.2"
    guard access(loader, X_OK) == 0 else { return print("skipped: \(loader) is not there") }
    #expect(try !isEmulated(loader, [Linking.pie.program()]))
  }

  @Test(arguments: ["valgrind", "qemu-x86_64", "qemu-x86_64-static"])
  func aProgramInsideOfAnotherIs(tool: String) throws {
    guard Command.exists(tool) else { return print("skipped: \(tool) is not installed") }
    #expect(try isEmulated("/usr/bin/env", [tool, Linking.pie.program()], timeout: 300))
  }
}
