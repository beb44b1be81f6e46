import Foundation
import ProcessImage
import TestSupport
import Testing

@testable import Symbols

/// Names of a Swift program's globals and metadata, however it is linked.
@Suite struct SwiftProgramTests {
  struct Build: Sendable, CustomStringConvertible {
    var description: String
    var flags: [String]
    var strip = false
    static let all = [
      Build(description: "debug", flags: ["-Onone", "-g"]), Build(description: "release", flags: ["-O"]),
      Build(description: "static", flags: ["-O", "-static-stdlib"]),
      Build(description: "stripped", flags: ["-O"], strip: true),
    ]
  }

  @Test(arguments: Build.all) func globalsAreFound(build: Build) throws {
    let path = try TestProgram.path(
      "globals.swift", .swift(["-parse-as-library", "-module-name", "app"] + build.flags), strip: build.strip)
    let program = try RunningProgram(path)
    let facts = ProgramFacts(program.output)
    let image = try ProcessImage.running(pid: program.pid)
    let symbols = ImageSymbols(image)
    let demangler = Demangler(mainModule: "app")
    func name(_ fact: String) throws -> String? {
      symbols.symbol(at: try facts.value(fact)).map { demangler.displayName($0.mangledName) }
    }
    let main = try #require(image.modules.first { $0.path == path })
    let counter = try facts.value("counter")
    #expect(main.writableRanges.contains { $0.contains(counter) })
    #expect(image.modules.contains { $0.name == "libswiftCore.so" } == (build.description != "static"))
    guard !build.strip else {
      #expect(try name("counter") != "counter")
      #expect(symbols.address(of: "swift_retain") != nil)
      return
    }
    #expect(try name("counter") == "counter")
    #expect(try name("shared") == "static Registry.shared")
    #expect(try name("metadata")?.hasSuffix("metadata for Session") == true)
    #expect(symbols.address(of: "$s3app7counterSivp") == counter)
    let shared = try #require(symbols.symbol(at: try facts.value("shared")))
    #expect(demangler.variableType(shared.mangledName) == "Session" && shared.isData && shared.size == 8)
    // A runtime function: exported by the library, or local in the program.
    let retain = try #require(symbols.address(of: "swift_retain"))
    #expect(symbols.symbol(at: retain + 1)?.address == retain)
  }
}
