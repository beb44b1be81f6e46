import Foundation
import ProcessImage
import Symbols
import TestSupport
import Testing

@testable import SwiftMetadata

/// Classes that derive from one of a library with `-enable-library-evolution`: where their properties lie is known only at run time.
@Suite struct ResilientClassTests {
  @Test(.timeLimit(.minutes(10)))
  func propertiesOfASubclassAreFound() throws {
    let modules = TestProgram.packageRoot.appendingPathComponent(".build/test-programs/resilient-modules").path
    try FileManager.default.createDirectory(atPath: modules, withIntermediateDirectories: true)
    let library = try TestProgram.path(
      "resilient-library",
      .swift([
        "-O", "-emit-library", "-enable-library-evolution", "-module-name", "Shapes", "-emit-module-path",
        modules + "/Shapes.swiftmodule",
      ]))
    let program = try RunningProgram(
      TestProgram.path("resilient", .swift(["-O", "-I", modules, "-Xlinker", library])))
    defer { program.stop() }
    let lines = program.output.split(separator: "\n").map { $0.split(separator: " ") }
    let object = try #require(lines.first { $0[0] == "OBJECT" }.flatMap { UInt64($0[1], radix: 16) })
    let image = try ProcessImage.running(pid: program.pid)
    let decoder = MetadataDecoder(image: image, symbols: ImageSymbols(image))
    let head: UInt64 = try image.memory.load(at: object)
    let header: UInt64 = try image.memory.load(at: object &- 8)
    let type = try #require(decoder.objectType(head: head, address: object, size: (header & ~7) &- 8))
    let expected = lines.filter { $0[0] == "SLOT" }.map { "\($0[1]) \($0[2])" }
    #expect(expected.count == 2)
    let found = type.fixedSlots.filter { $0.strength == .strong }.map { "\($0.offset) \($0.path)" }
    #expect(Set(found) == Set(expected + ["16 next", "32 name"]), "\(type)")
  }
}
