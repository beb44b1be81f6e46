import Diagnosis
import Foundation
import Timeline

/// A history in a folder of its own: a service with two lives, snapshots and a restart.
struct RecordedHistory {
  static let start: Int64 = 1_764_100_000_000
  static let name = "/usr/bin/shop --port 80 <script>"

  let folder: URL
  var path: String { folder.appendingPathComponent("history.db").path }

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("memwhy-serve-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  func remove() { try? FileManager.default.removeItem(at: folder) }

  /// A sample each second: memory rises from 100 MiB by 1 MiB a second and starts again with the second life.
  func record(seconds: Int = 120) throws -> [Int64] {
    let (history, _) = try History.open(path)
    var ids: [Int64] = []
    for life in 0..<2 {
      let first = Self.start + Int64(life * seconds) * 1000
      let run = Run(
        pid: Int32(4711 + life), startTicks: UInt64(100 + life), boot: "boot", name: "shop<b>", command: Self.name)
      let id = try history.identifier(of: run, target: Self.name, time: first)
      ids.append(id)
      let samples = (0..<seconds).map { second in
        let rss = Double(100 + second) * 1_048_576
        return Sample(
          time: first + Int64(second) * 1000,
          [
            .rss: rss, .anonymous: rss - 20e6, .file: 15e6, .shared: 5e6, .threads: 12, .cpu: Double(second) / 2,
            .groupUsage: rss + 30e6, .groupLimit: 512 * 1_048_576,
          ])
      }
      let event = TimelineEvent(
        time: first, kind: life == 0 ? .started : .restarted, detail: "process \(run.pid) <img src=x onerror=alert(1)>")
      try history.append(samples, events: [event], run: id)
    }
    return ids
  }

  /// Keeps a snapshot in which a cache has this many entries.
  func capture(_ entries: UInt64, run: Int64, at time: Int64) throws {
    var facts = HeapFacts(
      time: time, liveBlocks: entries * 2, liveBytes: entries * 1000,
      census: [.init(type: "Offer<script>", kind: "class", count: entries, bytes: entries * 900)])
    facts.holders = [
      .init(path: ["Cache.shared"], type: "Cache", count: 1, retained: entries * 1000),
      .init(path: ["Cache.shared", ".offers"], type: "[Int : Offer]", count: 1, retained: entries * 990),
    ]
    let (history, _) = try History.open(path)
    try history.append(capture: String(decoding: JSONEncoder().encode(facts), as: UTF8.self), time: time, run: run)
  }

  func capture(raw content: String, run: Int64) throws {
    let (history, _) = try History.open(path)
    try history.append(capture: content, time: Self.start, run: run)
  }
}
