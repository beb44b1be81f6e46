import Foundation

/// memwhy against heaps of known size: time, memory, pause.
struct HeapMeasurements {
  var memwhy: String
  var heaps: String

  struct Row {
    var report: Report
    var seconds: Double
    var pause: Double
    var fork: Double
    var peakBytes: Int
    var freezeSeconds: Double
  }

  /// Five rounds, plain forks and freezes in turn; medians.
  func measure(_ arguments: [String], rounds: Int = 5) throws -> Row {
    let target = try Child([heaps] + arguments)
    defer { target.stop() }
    try target.wait(for: "READY")
    var seconds: [Double] = []
    var pauses: [Double] = []
    var forks: [Double] = []
    var freezes: [Double] = []
    var peak = 0
    var last: Report?
    for _ in 0..<rounds {
      let answer = try target.ask("fork")
      forks.append((Double(answer.split(separator: " ").last ?? "") ?? 0) / 1e9)
      let (report, finished) = try Report.leaks(memwhy, target.pid)
      guard report.leaks.isJudged else { throw Failure("leaks were not judged: \(finished.output)") }
      seconds.append(finished.seconds)
      pauses.append(Double(report.freeze?.measuredPauseNanoseconds ?? 0) / 1e9)
      freezes.append(Double(report.phases.first { $0.name == "image" }?.nanoseconds ?? 0) / 1e9)
      peak = max(peak, finished.peakBytes)
      last = report
    }
    guard let last else { throw Failure("nothing was measured") }
    return Row(
      report: last, seconds: median(seconds), pause: median(pauses), fork: median(forks), peakBytes: peak,
      freezeSeconds: median(freezes))
  }

  func scale() throws {
    var rows: [[String]] = []
    for count in [100_000, 1_000_000, 10_000_000] {
      let row = try measure(["tree", "\(count)"])
      let after = row.seconds - row.freezeSeconds
      rows.append([
        "\(count)", "\(row.report.heap.blocks)", format(row.seconds),
        format(Double(row.report.heap.blocks) / after / 1e6),
        "\(row.peakBytes >> 20)", format(Double(row.peakBytes) / Double(row.report.heap.blocks), 1),
        format(row.pause * 1e3, 1), format(row.fork * 1e3, 1), "\(row.report.leaks.blocks)",
      ])
    }
    printTable(
      "memwhy leaks by size of the heap (medians of 5; speed is blocks over wall time without the freeze)",
      ["objects", "blocks", "wall s", "M blocks/s", "peak MiB", "bytes/block", "pause ms", "fork ms", "leaked"], rows)
  }

  /// `retained` beside `leaks` on the same process, in turn: what dominators and retained sizes add to marking.
  func holders() throws {
    struct Answer: Decodable { var phases: [Report.Phase] }
    var rows: [[String]] = []
    // The tree's order has nothing to do with its addresses, so that it outgrows the processor's caches; the list lies in order.
    for (shape, count) in ["tree", "list"].flatMap({ shape in [100_000, 1_000_000, 10_000_000].map { (shape, $0) } }) {
      let target = try Child([heaps, shape, "\(count)"])
      defer { target.stop() }
      try target.wait(for: "READY")
      var totals: [Double] = []
      var phases: [String: [Double]] = [:]
      var peaks = (leaks: 0, retained: 0)
      for _ in 0..<3 {
        let (_, leaks) = try Report.leaks(memwhy, target.pid)
        peaks.leaks = max(peaks.leaks, leaks.peakBytes)
        let other = try Child.run([memwhy, "retained", "--json", "\(target.pid)"])
        guard other.status == 0 else { throw Failure("retained ended with \(other.status): \(other.errors)") }
        totals.append(other.seconds)
        peaks.retained = max(peaks.retained, other.peakBytes)
        for phase in try JSONDecoder().decode(Answer.self, from: Data(other.output.utf8)).phases {
          phases[phase.name, default: []].append(Double(phase.nanoseconds) / 1e9)
        }
      }
      func time(_ phase: String) -> Double { median(phases[phase] ?? []) }
      let marking = time("following references")
      let holders = time("finding who holds what")
      rows.append([
        "\(shape) of \(count)", format(median(totals)), format(marking, 3), format(holders, 3),
        format(holders / max(marking, 1e-6), 1), format(time("answering")), "\(peaks.retained >> 20)",
        format(Double(peaks.retained - peaks.leaks) / Double(count), 1),
      ])
    }
    printTable(
      "memwhy retained (medians of 3; holders: graph, dominators, retained sizes)",
      [
        "heap", "wall s", "marking s", "holders s", "holders/marking", "tree of holders s", "peak MiB",
        "bytes/block more than leaks",
      ], rows)
  }

  /// The whole answer, which looks twice, and the part of it that reads most. Both on a process that stands still.
  func whole() throws {
    var rows: [[String]] = []
    let watch = 10.0
    for (shape, count) in [("handlers", 1_000_000), ("handlers", 6_000_000), ("tree", 5_000_000)] {
      let target = try Child([heaps, shape, "\(count)"])
      defer { target.stop() }
      try target.wait(for: "READY")
      let (report, _) = try Report.leaks(memwhy, target.pid)
      var seconds: (whole: [Double], duplicates: [Double]) = ([], [])
      var peak = 0
      for _ in 0..<3 {
        let duplicates = try Child.run([memwhy, "duplicates", "--json", "\(target.pid)"])
        let whole = try Child.run([memwhy, "\(target.pid)", "--for", "\(Int(watch))s", "--json"])
        for finished in [duplicates, whole] where finished.status != 0 {
          throw Failure("memwhy ended with \(finished.status): \(finished.errors)")
        }
        seconds.duplicates.append(duplicates.seconds)
        seconds.whole.append(whole.seconds - watch)
        peak = max(peak, whole.peakBytes)
      }
      rows.append([
        "\(shape) of \(count)", "\(report.heap.blocks)", format(median(seconds.duplicates)),
        format(median(seconds.whole)), "\(peak >> 20)", format(Double(peak) / Double(report.heap.blocks), 1),
      ])
    }
    printTable(
      "memwhy PID, seconds beyond the \(Int(watch)) of watching (medians of 3)",
      ["heap", "blocks", "duplicates s", "whole s", "peak MiB", "bytes/block"], rows)
  }

  func incident() throws {
    var rows: [[String]] = []
    for ids in [20_000, 100_000] {
      let row = try measure(["incident", "\(ids)", "50"])
      rows.append([
        "\(ids)", "\(row.report.heap.bytes >> 20)", "\(row.report.heap.blocks)", format(row.seconds),
        "\(row.peakBytes >> 20)", format(row.pause * 1e3, 1), format(row.fork * 1e3, 1), "\(row.report.leaks.blocks)",
      ])
    }
    printTable(
      "memwhy leaks on the incident: a dictionary of 50 structs for each id (medians of 5)",
      ["ids", "heap MiB", "blocks", "wall s", "peak MiB", "pause ms", "fork ms", "leaked"], rows)
  }
}
