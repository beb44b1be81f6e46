import Foundation
import HeapGraph
import Reports
import Timeline

@testable import Diagnosis

/// Reports that pages are made of: one with everything in it, one that means harm, one of a very large heap.
enum PageFixtures {
  static let start: Int64 = 1_764_100_000_000

  static var growing: ReportModel {
    var report = ReportFixtures.leaky
    report.time = start + 60_000
    report.growth = growth()
    report.growth?.account = [
      .init(holder: "collection", title: "CacheService.offers", bytes: 17_000_000),
      .init(holder: "unexplained", title: "unexplained", bytes: 600_000),
    ]
    report.growth?.forecastByCause = try? JSONDecoder().decode(
      CauseForecast.self,
      from: Data(
        """
        {"rows": [{"cause": "liveObjects", "title": "CacheService.offers", "alone": 900},
        {"cause": "tasks", "title": "12 more live tasks", "without": 720}],
        "bytesPerWork": 1400, "workPerSecond": 200, "work": "http_requests_total"}
        """.utf8))
    report.holders = ReportModel.Tree(
      unit: "bytes",
      root: .init(
        name: "reachable memory", value: 56_000_000,
        children: [
          .init(
            name: "CacheService.shared : CacheService", value: 48_000_000, note: "100,000 entries, 480 B an entry",
            children: [
              .init(
                name: "[Int : Offer] storage", field: ".offers", value: 47_900_000, count: 1,
                children: [.init(name: "Offer", field: "[value]", value: 40_000_000, count: 100_000)])
            ]), .init(name: "main thread", value: 6_000_000),
          .init(name: "smaller holders", value: 2_000_000, count: 70),
        ]))
    report.profile = ReportModel.Tree(
      unit: "bytes",
      root: .init(
        name: "all", value: 1_000_000,
        children: [.init(name: "main", value: 900_000, children: [.init(name: "load(rows:)", value: 800_000)])]))
    return report
  }

  static func growth(findings: [Finding]? = nil) -> GrowthReport {
    let count = 60
    let times = (0..<count).map { start + Int64($0) * 1000 }
    var values: [String: [Double?]] = [
      "rss": (0..<count).map { 60_000_000 + Double($0) * 300_000 }, "file": (0..<count).map { _ in 20_000_000 },
      "shared": (0..<count).map { _ in 0 }, "anonymous": (0..<count).map { 40_000_000 + Double($0) * 300_000 },
      "threads": (0..<count).map { _ in 12 }, "cpu": (0..<count).map { $0 == 0 ? nil : 0.4 },
      "load": (0..<count).map { $0 == 0 ? nil : 200 },
    ]
    values["tcp_established"] = (0..<count).map { $0 % 7 == 3 ? nil : 40 }
    func moment(_ time: Int64, _ objects: Int64) -> GrowthReport.Moment {
      GrowthReport.Moment(
        time: time,
        rows: [
          .init(holder: "swiftObjects", title: "live Swift objects", bytes: objects, growth: nil),
          .init(holder: "files", title: "mapped files and code", bytes: 20_000_000, growth: nil),
          .init(holder: "unexplained", title: "unexplained", bytes: 40_000, growth: nil),
        ])
    }
    return GrowthReport(
      sentence: "No leak, but likely growth of 1.0 GiB/h in `CacheService.offers`.", cause: .liveObjects,
      watchedSeconds: 60, samples: count,
      trend: .init(
        pattern: .growing, perHour: 1_080_000_000, lowPerHour: 1_000_000_000, highPerHour: 1_160_000_000,
        probability: 0.0001, epochs: 12, lives: 1, periodSeconds: nil, method: "Mann-Kendall test"),
      books: [
        .init(holder: "swiftObjects", title: "live Swift objects", bytes: 57_600_000, growth: 17_600_000),
        .init(holder: "files", title: "mapped files and code", bytes: 20_000_000, growth: 0),
        .init(holder: "unexplained", title: "unexplained", bytes: 40_000, growth: -1000),
      ], resident: 77_640_000, booksAreClosed: true,
      groupBooks: [
        .init(holder: "process", title: "anonymous memory of this process", bytes: 50_000_000, growth: nil),
        .init(holder: "pageCache", title: "page cache", bytes: 5_000_000, growth: nil),
        .init(holder: "kernel", title: "kernel memory", bytes: 2_000_000, growth: nil),
        .init(holder: "sockets", title: "network buffers", bytes: 600_000, growth: nil),
      ],
      groupUsage: 57_600_000,
      findings: findings ?? [
        Finding(
          .liveObjects, title: "CacheService.offers", site: "CacheService.shared.offers", confidence: .likely,
          growth: 17_600_000, holds: 48_000_000, evidence: ["`Offer`: +36,000, +17.0 MiB"],
          advice: ["bound it: a limit on entries or age"], overturnedBy: "the count stays while the load is the same")
      ],
      forecast: Forecast(GrowthTest([], material: 1), limit: 128 * 1_048_576),
      curves: .init(times: times, values: values),
      events: [
        .init(time: start + 30_000, kind: .restarted, detail: "the process was started again as 4712"),
        .init(time: start, kind: .snapshot, detail: "snapshot"),
      ], remarks: ["The load was the same all the time."],
      moments: [moment(start, 40_000_000), moment(start + 59_000, 57_600_000)])
  }

  /// Everything that a browser could take for more than text.
  static let attacks = [
    "</script><script>document.title='owned'</script>", "<img src=x onerror=alert(1)>", "\" onmouseover=\"alert(1)",
    "' autofocus onfocus='alert(1)", "&lt;b&gt; &amp; <b>", "<!--", "]]>", "javascript:alert(1)", "\u{202e}gnp.exe",
    "a\u{0}b\u{1b}[31m\u{2028}c", "`<svg/onload=alert(1)>`", "{{7*7}}${7*7}", "\u{e000}\u{fffe}",
  ]

  /// Every text of the report is an attack.
  static var hostile: ReportModel {
    let all = attacks.joined(separator: " ")
    var report = ReportModel(
      tool: ReportFixtures.tool, verb: "diagnose",
      target: .init(source: .frozen, pid: 1, name: attacks[0], corePath: attacks[1], threads: 3),
      freeze: .init(predictedPauseNanoseconds: 1, measuredPauseNanoseconds: 2, threads: 3, notes: attacks),
      heap: .init(
        allocator: attacks[1], isExact: true, blocks: 10, bytes: 1000,
        arenas: (0..<2).map { _ in
          .init(
            address: attacks[2], isMain: false, systemBytes: 1, liveBlocks: 1, liveBytes: 1, freeBytes: 1, topBytes: 1,
            isLocked: false)
        }, checks: attacks.map { .init(name: $0, expected: 1, found: 2) }),
      census: attacks.map { .init(type: $0, kind: $0, count: 1, bytes: 1) },
      leaks: .init(
        groups: attacks.map { text in
          .init(
            kind: .cycle, type: text, instances: 1, blocks: 2, bytes: 3,
            edges: [.init(source: text, field: text, target: all), .init(source: all, field: text, target: text)],
            evidence: [text], waitsIn: text,
            members: [
              .init(type: text, kind: text, count: 1, bytes: 1), .init(type: all, kind: text, count: 1, bytes: 1),
            ],
            exampleAddresses: [text])
        }), remarks: attacks, phases: [])
    report.growth = growth(
      findings: attacks.map {
        Finding(
          .liveObjects, title: $0, site: $0, confidence: .likely, growth: 1, evidence: [$0], advice: [$0],
          overturnedBy: $0)
      })
    report.growth?.sentence = all
    report.growth?.events = attacks.map { .init(time: start + 1000, kind: .restarted, detail: $0) }
    report.growth?.books = attacks.map { .init(holder: $0, title: $0, bytes: 100, growth: 1) }
    report.growth?.remarks = attacks
    report.growth?.account = attacks.map { .init(holder: $0, title: $0, bytes: 100) }
    report.holders = .init(
      unit: all,
      root: .init(name: all, value: 100, children: attacks.map { .init(name: $0, field: $0, value: 5, note: $0) }))
    return report
  }

  /// As large as a report can get: ten million blocks of thousands of types with names of a kilobyte, a thousand findings and leaks, and a
  /// tree of holders with a hundred thousand parts.
  static var enormous: ReportModel {
    func name(_ index: Int) -> String {
      "Module\(index).Outer<Swift.Dictionary<Swift.String, " + String(repeating: "Inner.", count: 170) + "\(index)>>"
    }
    var report = ReportModel(
      tool: ReportFixtures.tool, verb: "diagnose",
      target: .init(source: .frozen, pid: 1, name: String(repeating: "long-", count: 60), threads: 500),
      heap: .init(
        allocator: "glibc 2.36", isExact: true, blocks: 10_000_000, bytes: 4_000_000_000, typedBlocks: 9_999_000,
        arenas: (0..<256).map {
          .init(
            address: "0x\($0)", isMain: $0 == 0, systemBytes: 1, liveBlocks: 1, liveBytes: 1, freeBytes: 1, topBytes: 1,
            isLocked: false)
        }, checks: (0..<600).map { .init(name: "check \($0)", expected: 1, found: 1) }),
      census: (0..<8000).map { .init(type: name($0), kind: "class", count: 1250, bytes: 500_000) },
      leaks: .init(
        groups: (0..<1000).map { index in
          .init(
            kind: .cycle, type: name(index), instances: 10, blocks: 20, bytes: 1000,
            edges: (0..<30).map { .init(source: name($0), field: "field\($0)", target: name(($0 + 1) % 30)) },
            members: (0..<40).map { .init(type: name($0), kind: "class", count: 1, bytes: 1) })
        }))
    report.growth = growth(
      findings: (0..<1000).map { index in
        Finding(
          .liveObjects, title: name(index), site: name(index), confidence: .possible, growth: 1000, holds: 1000,
          evidence: (0..<30).map(name), advice: [name(1)], overturnedBy: name(2))
      })
    func tree(_ depth: Int, _ value: UInt64) -> ReportModel.Tree.Node {
      .init(
        name: name(depth), field: ".field", value: value, count: 100, note: name(3),
        children: depth == 0 ? [] : (0..<10).map { _ in tree(depth - 1, value / 10) })
    }
    report.holders = .init(unit: "bytes", root: tree(5, 4_000_000_000))
    report.profile = report.holders
    return report
  }
}
