import Foundation
import Reports
import Timeline

/// Samples for a person or a program, one line each.
struct WatchPrinter {
  let json: Bool
  let quiet: Bool
  private let columns: [WatchColumn]
  private var lines = 0
  private var previous: Sample?

  /// - Parameters:
  ///   - hasLoad: there is a count of work to show.
  ///   - width: of the terminal, in columns.
  init(json: Bool, quiet: Bool, hasLoad: Bool = true, width: Int = .max) {
    self.json = json
    self.quiet = quiet
    columns = WatchColumn.fitting(width, hasLoad: hasLoad)
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
    let head = lines % 20 == 0 ? header : ""
    return Terminal.output(head + row(sample))
  }

  private var header: String {
    "TIME    " + columns.map { Column.right($0.title, $0.width) }.joined() + "\n"
  }

  private func row(_ sample: Sample) -> String {
    Self.clock(sample.time) + columns.map { Column.right($0.text(sample, previous), $0.width) }.joined() + "\n"
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
