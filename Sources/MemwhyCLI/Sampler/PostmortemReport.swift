import Foundation
import Measurement
import Reports
import SamplerTable

/// What a table says of a process, for people and for programs. Schema: docs/sampler-table.md.
struct PostmortemReport: Encodable {
  var schemaVersion = 1
  var program: String
  var pid: Int32
  /// `running`, `exited with N`, `killed by SIGNAL`, `started another program in its place`, `ended, nobody saw how`.
  var ending: String
  /// Processes of its control group that the kernel ended for lack of memory while it ran; absent where unknown.
  var groupKills: UInt64?
  /// Seconds from the start of the sampler to the last thing known.
  var seconds: Double?
  var interval: UInt64
  var samples: UInt64
  var inUse, allocated: Sum
  var holders: [Row]
  var churn: [Row]
  var growths: [Growth]
  var points: [Point]
  var remarks: [String]

  struct Sum: Encodable {
    var bytes: Double
    /// Half of a 95 % interval.
    var margin: Double
    var count: Double
  }

  struct Row: Encodable {
    var inUse, allocated: Sum
    var freedBytes: Double
    var samples, liveSamples: Int
    var lifetime: String
    /// Nanoseconds.
    var meanLifetime: Double?
    var summary: String
    var stack: [String]
  }

  struct Growth: Encodable {
    var kind: String
    /// Seconds before the last thing known.
    var secondsBefore: Double
    var step, total: UInt64
    var stack: String
  }

  struct Point: Encodable {
    /// Seconds before the last point.
    var secondsBefore: Double
    var rss, limit, groupUsage, swap, threads: UInt64?
    var inUse, allocated: Double
    var samples: UInt64
  }
}

extension PostmortemReport {
  init(_ sampled: SampledTable, names: StackNames, limit: Int) {
    let table = sampled.table
    let start = table.header.startNanoseconds
    program = table.header.program
    pid = table.header.pid
    ending = Self.ending(sampled)
    groupKills = table.header.groupKills
    let last = max(table.header.lastNanoseconds, table.points.last?.monotonic ?? 0)
    seconds = last > start ? Double(last - start) / 1e9 : nil
    interval = table.header.interval
    samples = table.header.samples
    inUse = table.sites.reduce(Sum.Total()) { $0 + ($1.inUseBytes, $1.inUseCount) }.sum
    allocated = table.sites.reduce(Sum.Total()) { $0 + ($1.allocatedBytes, $1.allocatedCount) }.sum
    func row(_ site: SamplerTable.Site) -> Row {
      let lifetime = Lifetime.of(site)
      return Row(
        inUse: Sum(site.inUseBytes, site.inUseCount), allocated: Sum(site.allocatedBytes, site.allocatedCount),
        freedBytes: site.freedBytes, samples: site.samples, liveSamples: site.liveSamples, lifetime: lifetime.name,
        meanLifetime: lifetime.mean, summary: names.summary(site), stack: site.frames.flatMap { names.names(of: $0) })
    }
    let live = table.sites.filter { $0.liveSamples > 0 }.sorted { $0.inUseBytes.value > $1.inUseBytes.value }
    holders = live.prefix(limit).map(row)
    churn = table.churn().prefix(limit).map(row)
    growths = table.growths.suffix(limit).map { growth in
      Growth(
        kind: Self.kind(growth.kind),
        secondsBefore: last > growth.time ? Double(last - growth.time) / 1e9 : 0, step: growth.step,
        total: growth.total, stack: table.site(at: growth.site).map { names.summary($0) } ?? "")
    }
    let end = table.points.last?.monotonic ?? 0
    points = table.points.map { point in
      Point(
        secondsBefore: end > point.monotonic ? Double(end - point.monotonic) / 1e9 : 0, rss: point.rss,
        limit: point.limit, groupUsage: point.groupUsage, swap: point.swap, threads: point.threads,
        inUse: max(point.allocatedBytes - point.freedBytes, 0), allocated: point.allocatedBytes, samples: point.samples)
    }
    remarks = SamplerRemarks.remarks(table) + names.remarks
  }

  private static func kind(_ kind: SamplerTable.Growth.Kind) -> String {
    switch kind {
    case .programBreak: "program break"
    case .mapping: "large block"
    case .live: "most in use"
    }
  }

  private static func ending(_ sampled: SampledTable) -> String {
    if sampled.isAlive { return "running" }
    // How the process ended is the other program's.
    if sampled.table.header.flags.contains(.replaced) { return "started another program in its place" }
    guard let status = sampled.table.header.exitStatus else {
      return sampled.table.header.state == .exited ? "exited" : "ended, nobody saw how"
    }
    let signal = status & 0x7f
    if signal == 0 { return "exited with \((status >> 8) & 0xff)" }
    return "killed by \(signalName(signal))"
  }

  private static func signalName(_ signal: Int32) -> String {
    let names: [Int32: String] = [
      SIGKILL: "SIGKILL", SIGTERM: "SIGTERM", SIGINT: "SIGINT", SIGSEGV: "SIGSEGV", SIGABRT: "SIGABRT",
      SIGBUS: "SIGBUS", SIGILL: "SIGILL", SIGTRAP: "SIGTRAP", SIGQUIT: "SIGQUIT", SIGHUP: "SIGHUP", SIGSYS: "SIGSYS",
    ]
    return names[signal] ?? "signal \(signal)"
  }
}

extension PostmortemReport.Sum {
  init(_ bytes: Estimate, _ count: Estimate) {
    self.init(bytes: bytes.value, margin: bytes.margin, count: count.value)
  }

  /// Sums of estimates.
  struct Total {
    var bytes = Estimate(), count = Estimate()
    static func + (left: Total, right: (Estimate, Estimate)) -> Total {
      Total(bytes: left.bytes + right.0, count: left.count + right.1)
    }
    var sum: PostmortemReport.Sum { .init(bytes, count) }
  }
}
