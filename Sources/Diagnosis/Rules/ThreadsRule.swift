import Measurement
import Timeline

/// Threads that become more. Each costs its touched stack in resident memory and more in the kernel.
struct ThreadsRule: Rule {
  /// Kernel stack and structures of a thread (x86-64: THREAD_SIZE is 16 KiB; measured: 45 KiB with page tables and structs).
  private static let kernelBytes = 45_000.0
  private static let fewest = 8.0
  private static let many = 512.0

  /// Whether threads become more.
  static func isGrowing(_ evidence: Evidence) -> Bool {
    isGrowing(evidence.growth(of: .threads, material: fewest), evidence)
  }

  private static func isGrowing(_ test: GrowthTest, _ evidence: Evidence) -> Bool {
    test.pattern == .growing && (evidence.changeOfAllLives(of: .threads) ?? 0) >= fewest
  }

  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let now = evidence.latest(.threads) else { return [] }
    let test = evidence.growth(of: .threads, material: fewest)
    let isGrowing = Self.isGrowing(test, evidence)
    // Of what rises, all of the watch counts, not the part between its first and last fifth.
    let change = isGrowing ? test.rise : evidence.change(of: .threads) ?? 0
    guard isGrowing || now >= many else { return [] }
    let stacks = evidence.heaps.last?.books?[.stacks] ?? 0
    let resident = evidence.heapPair.flatMap { pair -> Double? in
      guard let first = pair.first.books, let last = pair.last.books else { return nil }
      return Double(last[.stacks] - first[.stacks])
    }
    let growth = isGrowing ? max(resident ?? 0, 0) + change * kernelBytes : 0
    var lines = ["\(Say.count(now)) threads, \(evidence.since(change, ofAllLives: isGrowing))"]
    let most = isGrowing ? evidence.commonName(\.threadNames, of: change) : nil
    if let most {
      lines.append("of those that came between the snapshots \(Say.count(most.more)) are called \(most.name)")
    }
    if stacks > 0 { lines.append("their stacks hold \(Say.bytes(stacks)) of resident memory") }
    lines.append(
      "in the kernel they take about \(Say.bytes(now * kernelBytes)) more, which counts against the limit of the control group"
    )
    if isGrowing {
      lines.append("the lowest number per epoch rises, \(Say.probability(test.probability))")
    }
    return [
      Finding(
        .threads, title: "\(Say.count(now)) threads" + (most.map { ", most of the new ones called \($0.name)" } ?? ""),
        confidence: isGrowing ? (test.span >= 600 ? .certain : .likely) : .possible,
        growth: isGrowing ? growth.saturated : nil, holds: (Double(stacks) + now * kernelBytes).saturatedAmount,
        evidence: lines,
        advice: [
          "look for event-loop groups, dispatch queues or clients made per use and never shut down, and for blocking calls on dispatch queues",
          "keep one of each for the life of the process, and shut down what is made for a time",
        ], overturnedBy: "the number of threads falls back when the load does")
    ]
  }
}
