import Foundation

/// Makes a folder of a test's own; the test removes it.
public func makeTemporaryFolder(_ name: String) throws -> String {
  let random = String(UInt64.random(in: 0...UInt64.max), radix: 36)
  let path = NSTemporaryDirectory() + "memwhy-\(name)-\(getpid())-\(random)"
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  return path
}

/// Copies a program that is to be started from there.
///
/// By another process: a file that this one has open for writing is inherited by what another test starts just then, and cannot be executed before
/// that has let go of it (ETXTBSY).
public func copyProgram(_ source: String, to destination: String) throws {
  let result = try Command.run("cp", [source, destination])
  guard result.status == 0 else { throw TestFailure("cannot copy \(source): \(result.errors)") }
}
