import Reports
import TestSupport
import Testing

@testable import MemwhyCLI

/// What `memwhy postmortem` prints of a process that ran into its limit, of one that ended well, and of one of which nothing is known.
@Suite struct PostmortemGoldenTests {
  private typealias Sum = PostmortemReport.Sum

  private static func row(
    _ bytes: Double, freed: Double = 0, _ lifetime: String, mean: Double? = nil, _ stack: [String]
  ) -> PostmortemReport.Row {
    PostmortemReport.Row(
      inUse: Sum(bytes: bytes, margin: bytes / 8, count: bytes / 1024),
      allocated: Sum(bytes: bytes + freed, margin: (bytes + freed) / 9, count: (bytes + freed) / 1024),
      freedBytes: freed, samples: Int((bytes + freed) / 524_288) + 1, liveSamples: Int(bytes / 524_288),
      lifetime: lifetime, meanLifetime: mean, summary: stack.prefix(3).joined(separator: " < "), stack: stack)
  }

  private static var killed: PostmortemReport {
    let points = (0..<40).map { index in
      let held = Double(index) * 12_000_000 + 9_000_000
      return PostmortemReport.Point(
        secondsBefore: Double(39 - index), rss: UInt64(held) + 21_000_000, limit: 536_870_912,
        groupUsage: min(UInt64(held) + 25_000_000, 536_870_912), swap: 0, threads: 9, inUse: held,
        allocated: held * 3, samples: UInt64(index * 90))
    }
    return PostmortemReport(
      program: "/srv/shop/shop", pid: 4711, ending: "killed by SIGKILL", groupKills: 1, seconds: 3_725,
      interval: 524_288,
      samples: 3_510,
      inUse: Sum(bytes: 477e6, margin: 21e6, count: 18_400),
      allocated: Sum(bytes: 1.431e9, margin: 40e6, count: 91_000),
      holders: [
        row(440e6, "kept", ["Store.load(id:)", "Server.answer(_:) [async]", "Router.handle(_:) [async]", "main"]),
        row(37e6, freed: 12e6, "mixed", ["JSONDecoder.decode(_:from:)", "Chances.refresh()", "main"]),
      ],
      churn: [
        row(0, freed: 900e6, "temporary", mean: 350_000, ["Response.init(_:)", "Server.answer(_:) [async]"]),
        row(37e6, freed: 12e6, "mixed", mean: 41e9, ["JSONDecoder.decode(_:from:)", "Chances.refresh()"]),
      ],
      growths: [
        .init(
          kind: "program break", secondsBefore: 61.5, step: 4_194_304, total: 300_000_000,
          stack: "Store.load(id:) < main"),
        .init(
          kind: "large block", secondsBefore: 0.25, step: 33_554_432, total: 477_000_000,
          stack: "Array.reserve\u{1b}[31m"),
      ],
      points: points, remarks: ["120 sampled blocks found no room: what is in use is too low by them"])
  }

  private static var exited: PostmortemReport {
    PostmortemReport(
      program: "/usr/bin/tool", pid: 12, ending: "exited with 0", groupKills: 0, seconds: 0.75, interval: 1,
      samples: 40,
      inUse: Sum(bytes: 0, margin: 0, count: 0), allocated: Sum(bytes: 52_000, margin: 0, count: 40), holders: [],
      churn: [row(0, freed: 52_000, "temporary", mean: 2e6, ["main"])], growths: [], points: [], remarks: [])
  }

  private static var unknown: PostmortemReport {
    PostmortemReport(
      program: "", pid: 0, ending: "ended, nobody saw how", seconds: nil, interval: 524_288, samples: 0,
      inUse: Sum(bytes: 0, margin: 0, count: 0), allocated: Sum(bytes: 0, margin: 0, count: 0), holders: [], churn: [],
      growths: [], points: [], remarks: [])
  }

  private static func report(_ name: String) -> PostmortemReport {
    switch name {
    case "killed": killed
    case "exited": exited
    default: unknown
    }
  }

  @Test(arguments: ["killed", "exited", "unknown"], [100, 60])
  func text(name: String, width: Int) throws {
    let text = Self.report(name).text(style: TextStyle(width: width))
    let golden = "\(name).postmortem" + (width == 100 ? "" : ".COLUMNS=\(width)")
    #expect(try Golden.difference(golden, text) == nil)
    #expect(!text.contains("\u{1b}"))
  }

  @Test func json() throws {
    #expect(try Golden.difference("killed.postmortem.--json", JSONReport.render(Self.killed)) == nil)
  }
}
