import Foundation
import Profile
import TestSupport
import Testing

@testable import SamplerTable

/// Whose task allocated, by the name that the program gave it.
@Suite struct TaskNameTests {
  private static func program() throws -> String {
    try TestProgram.path(
      "sampler/tasknames.swift", .swift(["-O", "-parse-as-library", "-Xcc", "-fno-omit-frame-pointer"]))
  }

  @Test func everyBlockCountsForItsTask() throws {
    let run = try SamplerRun(interval: 1)
    let program = try RunningProgram(try Self.program(), environment: run.environment)
    defer { program.stop() }
    let table = try run.read()
    #expect(table.header.flags.contains(.taskNames))
    #expect(table.header.lostTaskNames == 0)
    var held: [String: UInt64] = [:]
    // Sizes tell these blocks from others of the same tasks.
    for block in table.blocks where [1001, 2002, 3003, 4004, 5005].contains(block.size) {
      held[table.taskNames[block.task], default: 0] += block.size
    }
    for line in program.output.split(separator: "\n") {
      guard let space = line.lastIndex(of: " "), let bytes = UInt64(line[line.index(after: space)...]) else { continue }
      let name = String(line[..<space])
      guard name != "blocks" else { continue }
      // 48 bytes are kept, and of the long name the 48th begins a character of two.
      let kept = name == "-" ? "" : name.utf8.count > 48 ? String(name.prefix(47)) : name
      #expect(held[kept] == bytes, "\(name): \(held)")
    }
    #expect(held.count == 8)

    // In the profile: one place, a label for each task.
    let profile = ProfileExport.profile(of: table)
    let key = try #require(profile.strings.id(of: "task"))
    var labelled: [String: Int64] = [:]
    for sample in 0..<profile.samples.count {
      for label in profile.samples.labels(sample) where label.key == key {
        labelled[profile.text(label.text), default: 0] += profile.samples.value(sample, 3)
      }
    }
    #expect(labelled["loader"] ?? 0 >= 100_100 && labelled["indexer"] ?? 0 >= 100_100, "\(labelled)")
    #expect((0..<4).allSatisfy { labelled["child \($0)"] ?? 0 >= 50_050 })
  }

  /// More names than there is room for: those that came first stay, the others are counted and their samples have none.
  @Test func namesBeyondTheRoomAreCounted() throws {
    let run = try SamplerRun(interval: 1)
    let program = try RunningProgram(try Self.program(), ["3000"], environment: run.environment)
    defer { program.stop() }
    let table = try run.read()
    #expect(table.header.lostTaskNames > 1000 && table.damage.isEmpty)
    let names = Set(table.taskNames.filter { !$0.isEmpty })
    #expect(names.count > 700 && names.count < 1024 && names.contains("loader"), "\(names.count)")
    let held = table.blocks.filter { $0.size == 1001 }
    #expect(held.count == 100 && held.allSatisfy { table.taskNames[$0.task] == "loader" })
  }
}
