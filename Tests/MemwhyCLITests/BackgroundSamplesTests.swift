import Foundation
import ProcessImage
import TestSupport
import Testing
import Timeline

@testable import MemwhyCLI

/// Samples that are taken while something else is done.
struct BackgroundSamplesTests {
  private static let interval: UInt64 = 10_000_000

  /// Waits for what comes within moments, and on a crowded machine within a minute.
  private func wait(until isTrue: () -> Bool) -> Bool {
    let deadline = Clocks.monotonic &+ 60_000_000_000
    while !isTrue() {
      guard Clocks.monotonic < deadline else { return false }
      Clocks.sleep(5_000_000)
    }
    return true
  }

  @Test func theyGoOnByThemselvesUntilTheProcessEnds() throws {
    let process = try ChildProgram("/bin/sleep", ["600"])
    defer { process.stop() }
    let pid = process.pid
    let sampler = BackgroundSamples(
      Recorder(.pid(pid), interval: Self.interval), pid: pid, interval: Self.interval)
    #expect(wait { sampler.count >= 3 })
    sampler.ownMemoryIsSmall()
    let before = sampler.count
    #expect(wait { sampler.count >= before + 3 })
    #expect(!sampler.isOver)
    process.signal(SIGKILL)
    #expect(wait { sampler.isOver })
    let seen = sampler.end()
    #expect(seen.samples.count >= before + 3)
    // What memwhy needs while it reads a snapshot is charged to the same group.
    let ofGroup = Metric.allCases.filter { $0.name.hasPrefix("group_") }
    #expect(seen.samples[..<3].allSatisfy { sample in ofGroup.allSatisfy { sample[$0] == nil } })
    #expect(seen.samples.allSatisfy { $0[.rss] != nil })
    #expect(seen.events.contains { $0.kind == .ended })
    #expect(sampler.end().samples.count == seen.samples.count)
  }
}
