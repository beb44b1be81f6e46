import Foundation
import TestSupport
import Testing

@testable import SwiftMetadata

/// A second opinion: the toolchain's RemoteMirror on the same objects of the same process.
@Suite struct RemoteMirrorTests {
  private static func library() throws -> String? {
    let compiler = try Command.run("sh", ["-c", "readlink -f \"$(command -v swiftc)\""]).output
    let folder = URL(fileURLWithPath: compiler.trimmingCharacters(in: .whitespacesAndNewlines))
      .deletingLastPathComponent().deletingLastPathComponent()
    let path = folder.appendingPathComponent("lib/swift/linux/libswiftRemoteMirror.so").path
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }

  @Test(.timeLimit(.minutes(10))) func namesSizesAndFieldOffsetsAreTheSame() throws {
    guard let library = try Self.library() else {
      print("skipped: the toolchain has no libswiftRemoteMirror.so")
      return
    }
    let mirror = try TestProgram.path("mirror.c", .c(["-O1", "-ldl"]))
    let zoo = try TypeZooTests.Zoo(.init(flags: ["-Onone"]))
    let objects = zoo.entries("OBJECT").map(\.address)
    let result = try Command.run(
      mirror, [String(zoo.program.pid), library] + objects.map { String($0, radix: 16) }, timeout: 60)
    try #require(result.status == 0, "\(result.errors)")
    let lines = result.output.split(separator: "\n").map { $0.split(separator: " ", maxSplits: 3).map(String.init) }
    var compared = 0
    for line in lines where line.count == 4 && line[0] == "OBJECT" {
      // It has no answer for some generic types.
      guard line[2] != "0", let address = UInt64(line[1], radix: 16) else { continue }
      let head: UInt64 = try zoo.image.memory.load(at: address)
      let metadata = try #require(ClassMetadata(at: head, in: zoo.decoder.memory))
      #expect(metadata.instanceSize == Int(line[2]), "\(line)")
      let name = try #require(zoo.decoder.ask { zoo.decoder.name(ofMetadata: head, depth: 0) })
      // Spellings differ where there are generic arguments or private contexts.
      if !line[3].contains("<"), !line[3].contains("$") { #expect("typezoo." + name == line[3]) }
      // It lists the fields that the class itself declares.
      let members = zoo.decoder.ask { zoo.decoder.instanceMembers([metadata]) } ?? []
      let ours = members.map { "\($0.offset ?? -1) \($0.name)" }.sorted()
      let theirs = lines.filter { $0[0] == "FIELD" && $0[1] == line[1] }.map { "\($0[2]) \($0[3])" }.sorted()
      #expect(ours == theirs, "\(name)")
      compared += 1
    }
    #expect(compared >= 11)
  }
}
