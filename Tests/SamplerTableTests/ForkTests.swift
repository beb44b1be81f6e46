import Foundation
import SamplerTable
import TestSupport
import Testing

/// Processes that fork, with tables for their children (`memwhy run --follow`).
@Suite struct ForkTests {
  private static let flags = ["-O1", "-fno-omit-frame-pointer", "-pthread", "-ldl"]

  /// Runs the program; returns the tables of its children.
  private func children(_ program: String, _ arguments: [String] = []) throws -> [SamplerTable] {
    let folder = try makeTemporaryFolder("forks")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let table = folder + "/t"
    let run = try SamplerRun(
      tableSize: 1 << 20, extra: ["MEMWHY_SAMPLER_TABLE": table, "MEMWHY_SAMPLER_FOLLOW": table])
    let result = try run.run(try TestProgram.path("sampler/\(program).c", .c(Self.flags)), arguments)
    #expect(result.status == 0, "\(result.output)")
    return try result.output.split(separator: "\n").map { child in
      try TableReader(TableSource(path: "\(table).\(child)")).read()
    }
  }

  /// A thread that the fork leaves behind may hold the loader's lock: who asks for its modules in the child would wait for ever.
  @Test func aChildNeverWaitsForTheLoader() throws {
    for table in try children("loaderlock", ["threads", "30"]) {
      #expect(table.header.samples >= 100 && table.damage.isEmpty)
      // Known from its parent.
      #expect(table.modules.contains(where: \.isExecutable) && table.modules.count > 2)
      let leaves = table.sites.compactMap(\.addresses.first)
      #expect(leaves.contains { table.module(containing: $0) != nil })
    }
  }

  /// Where nobody can hold it, a child's own libraries are found.
  @Test func aChildOfOneThreadKnowsItsOwnModules() throws {
    let library = try TestProgram.path("sampler/modules.c", .c(Self.flags + ["-shared", "-fPIC", "-DLIBRARY"]))
    let table = try #require(try children("loaderlock", ["alone", library]).first)
    #expect(table.modules.contains { $0.path == library }, "\(table.modules.map(\.path))")
    #expect(table.modules.count(where: \.isExecutable) == 1)
  }

  /// Its table begins with nothing in use, whatever its parent had.
  @Test func whatAChildHasInUseIsItsOwn() throws {
    let table = try #require(try children("followed").first)
    let steps = table.growths.filter { $0.kind == .live }
    #expect(steps.last?.total ?? 0 > 8 << 20, "\(table.growths)")
    #expect(steps.allSatisfy { $0.total <= 17 << 20 })
  }
}
