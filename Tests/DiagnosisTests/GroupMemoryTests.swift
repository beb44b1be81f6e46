import Foundation
import Testing
import Timeline

@testable import Diagnosis

/// What the control group's peak and swap add to its limit.
struct GroupMemoryTests {
  private static let mib = 1_048_576.0

  private func sentences(
    limit: Double? = 100, peak: Double? = nil, swap: Double? = nil, swapLimit: Double? = nil
  ) -> String {
    var sample = Sample(time: 0)
    sample[.groupLimit] = limit.map { $0 * Self.mib }
    sample[.groupUsage] = 50 * Self.mib
    sample[.groupPeak] = peak.map { $0 * Self.mib }
    sample[.groupSwap] = swap.map { $0 * Self.mib }
    sample[.groupSwapLimit] = swapLimit.map { $0 * Self.mib }
    return GroupMemory(sample).sentences.joined(separator: "; ")
  }

  @Test func peakAndSwapAreSaid() {
    #expect(sentences() == "")
    #expect(sentences(peak: 99) == "the most so far was 99.0 MiB, page cache included, 99.0 % of the limit")
    #expect(sentences(limit: nil, peak: 99) == "the most so far was 99.0 MiB, page cache included")
    #expect(sentences(swap: 0, swapLimit: 0) == "it may not swap: at the limit the kernel ends a process")
    #expect(sentences(swap: 30, swapLimit: 31).hasPrefix("its swap is full, 30.0 MiB of 31.0 MiB"))
    #expect(sentences(swap: 10, swapLimit: 50).hasPrefix("it may swap 50.0 MiB, of which it uses 10.0 MiB"))
    // Without a limit of its own, and nothing there.
    #expect(sentences(swap: 0) == "" && sentences(swap: 3) == "3.0 MiB of it is in swap")
  }

  /// In the verdict where the limit is near, or was: not where it never mattered.
  @Test func theVerdictSaysItWhereTheLimitMatters() {
    func remarks(limit: Double, peak: Double) -> [String] {
      let lives = RuleTests.samples { time, sample in
        RuleTests.group(&sample, kernel: 5 * Self.mib)
        sample[.groupLimit] = limit * Self.mib
        sample[.groupPeak] = peak * Self.mib
        sample[.groupSwap] = 0
        sample[.groupSwapLimit] = 0
      }
      return Weighing.verdict(Evidence(lives: [lives])).remarks.filter { $0.hasPrefix("Of the control group: ") }
    }
    #expect(remarks(limit: 1000, peak: 300).isEmpty)
    #expect(
      remarks(limit: 1000, peak: 999) == [
        "Of the control group: the most so far was 999.0 MiB, page cache included, 99.9 % of the limit; it may not swap: at the limit the kernel ends a process."
      ])
  }

  /// - Parameters:
  ///   - usage: MiB charged, of a `memory.high` of 100 MiB.
  ///   - waits: of the time, that in which tasks wait for memory; nil for a kernel that does not count it.
  private func sentence(usage: Double, waits: Double?, cause: Bool = false) -> GrowthReport {
    let lives = RuleTests.samples { time, sample in
      RuleTests.group(&sample, kernel: 5 * Self.mib)
      sample[.groupUsage] = usage * Self.mib
      sample[.groupLimit] = 100 * Self.mib
      sample[.groupHigh] = 100 * Self.mib
      sample[.groupAnonymous] = (usage - 5) * Self.mib
      sample[.groupPressure] = waits.map { 1000 + $0 * Double(sample.time) / 1000 }
    }
    return Weighing.verdict(Evidence(lives: [lives]))
  }

  /// A level that stays because the kernel holds back who allocates is told from one that stays by itself.
  @Test func aGroupAtItsHighMarkIsSaid() {
    let held = sentence(usage: 101, waits: 0.12)
    #expect(
      held.sentence.contains(
        "its control group is at its memory.high of 100.0 MiB, where the kernel slows down who allocates: in 12.0 % of the time some of its threads waited for memory"
      ), "\(held.sentence)")
    #expect(held.remarks.contains { $0.contains("the limit is its memory.high of 100.0 MiB") }, "\(held.remarks)")
    #expect(sentence(usage: 101, waits: nil).sentence.contains("is at its memory.high of 100.0 MiB"))
    for (usage, waits) in [(80.0, 0.12), (101.0, 0.001)] {
      #expect(!sentence(usage: usage, waits: waits).sentence.contains("memory.high"))
    }
  }
}
