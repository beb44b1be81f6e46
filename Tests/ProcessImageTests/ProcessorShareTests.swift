import Foundation
import TestSupport
import Testing

@testable import ProcessImage

/// What a control group allows of a processor.
struct ProcessorShareTests {
  @Test func bothVersionsAreRead() throws {
    let folder = try makeTemporaryFolder("cpu")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func write(_ name: String, _ text: String) throws {
      try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }
    #expect(ProcessorShare.share(of: folder, isUnified: true) == nil)
    let known: [(String, Double?)] = [
      ("10000 100000\n", 0.1), ("max 100000\n", nil), ("250000 100000\n", 2.5), ("x\n", nil), ("0 0", nil),
    ]
    for (text, share) in known {
      try write("cpu.max", text)
      #expect(ProcessorShare.share(of: folder, isUnified: true) == share, "\(text)")
    }
    try write("cpu.cfs_period_us", "50000\n")
    for (text, share) in [("-1\n", nil), ("5000\n", 0.1)] {
      try write("cpu.cfs_quota_us", text)
      #expect(ProcessorShare.share(of: folder, isUnified: false) == share, "\(text)")
    }
  }

  @Test func aGroupOfAProcessCounts() throws {
    guard let group = TestGroup(controller: "cpu") else { return }
    if group.isUnified {
      group.write("cpu.max", "20000 100000")
    } else {
      group.write("cpu.cfs_period_us", "100000")
      group.write("cpu.cfs_quota_us", "20000")
    }
    let (program, arguments) = group.command(try TestProgram.path("sleeper.c", .c([])), ["100000"])
    let target = try RunningProgram(program, arguments)
    defer {
      target.stop()
      group.remove()
    }
    #expect(ProcessorShare.all(of: target.pid) == 0.2)
  }
}
