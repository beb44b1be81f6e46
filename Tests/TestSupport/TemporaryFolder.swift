import Foundation

/// Makes a folder of a test's own; the test removes it.
public func makeTemporaryFolder(_ name: String) throws -> String {
  let random = String(UInt64.random(in: 0...UInt64.max), radix: 36)
  let path = NSTemporaryDirectory() + "memwhy-\(name)-\(getpid())-\(random)"
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  return path
}
