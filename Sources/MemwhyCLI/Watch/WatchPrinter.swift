import Foundation
import Measurement
import Reports
import Timeline

/// Samples for a person or a program, one line each.
struct WatchPrinter {
  let json: Bool
  let quiet: Bool
  private var lines = 0
  private var previous: Sample?

  init(json: Bool, quiet: Bool) {
    self.json = json
    self.quiet = quiet
  }

  func note(_ text: String) { Terminal.error("memwhy: \(text)\n") }

  /// - Returns: false once nobody reads any more.
  mutating func show(_ tick: Recorder.Tick) -> Bool {
    for event in tick.events where !json { note("\(Self.clock(event.time)) \(TextStyle.printable(event.detail))") }
    guard !quiet else { return true }
    if json { return Terminal.output(Self.json(tick)) }
    guard let sample = tick.sample else { return true }
    defer {
      previous = sample
      lines += 1
    }
    let head = lines % 20 == 0 ? Self.header : ""
    return Terminal.output(head + row(sample))
  }

  private static let header =
    "TIME               RSS     CHANGE      GROUP      LIMIT   CPU  THREADS    FDS    TCP       LOAD\n"

  private func row(_ sample: Sample) -> String {
    func bytes(_ metric: Metric) -> String { sample[metric].map { ByteCount(saturating: $0).description } ?? "-" }
    func count(_ metric: Metric) -> String { sample[metric].map { Count(saturating: $0).description } ?? "-" }
    var change = "-"
    var cpu = "-"
    var load = "-"
    if let previous {
      let seconds = Double(sample.time - previous.time) / 1000
      if let now = sample[.rss], let then = previous[.rss] {
        change = (now < then ? "-" : "+") + ByteCount(saturating: abs(now - then)).description
      }
      if seconds > 0, let now = sample[.cpu], let then = previous[.cpu], now >= then {
        cpu = "\(((now - then) / seconds * 100).rounded().saturated) %"
      }
      if seconds > 0, let now = sample[.load], let then = previous[.load], now >= then {
        load = "\(((now - then) / seconds).rounded().saturated)/s"
      }
    }
    let cells: [(String, Int)] = [
      (bytes(.rss), 11), (change, 11), (bytes(.groupUsage), 11), (bytes(.groupLimit), 11), (cpu, 6),
      (count(.threads), 9),
      (count(.descriptors), 7), (count(.tcpEstablished), 7), (load, 11),
    ]
    return Self.clock(sample.time)
      + cells.map(Column.right).joined() + "\n"
  }

  private static func json(_ tick: Recorder.Tick) -> String {
    var lines = ""
    for event in tick.events {
      lines += line(["time": event.time, "event": event.kind.rawValue, "detail": event.detail])
    }
    guard let sample = tick.sample else { return lines }
    var object: [String: Any] = ["time": sample.time]
    if let pid = tick.run?.pid { object["pid"] = pid }
    for metric in Metric.allCases { if let value = sample[metric] { object[metric.name] = value } }
    return lines + line(object)
  }

  private static func line(_ object: [String: Any]) -> String {
    let data = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
    return data.map { String(decoding: $0, as: UTF8.self) + "\n" } ?? ""
  }

  /// Time of day, local.
  static func clock(_ milliseconds: Int64, date: Bool = false) -> String {
    var time = time_t(milliseconds / 1000)
    var parts = tm()
    localtime_r(&time, &parts)
    var buffer = [CChar](repeating: 0, count: 32)
    let count = strftime(&buffer, buffer.count, date ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &parts)
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
