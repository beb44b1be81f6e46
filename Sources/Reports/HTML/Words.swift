import Diagnosis
import FoundationEssentials
import Measurement
import Timeline

/// Numbers and words that several sections print the same way.
enum Words {
  /// `+16.3 MiB`, `-2.0 MiB`, `0 B`.
  static func change(_ bytes: Int64) -> String {
    (bytes > 0 ? "+" : bytes < 0 ? "−" : "") + ByteCount(bytes.magnitude).description
  }

  static func perHour(_ bytes: Double) -> String {
    (bytes < 0 ? "−" : "") + "\(ByteCount(saturating: abs(bytes)))/h"
  }

  /// `2026-11-25 19:44:03 UTC`.
  static func moment(_ milliseconds: Int64) -> String {
    let day: Int64 = 86_400_000
    // Beyond some ten thousand years the calendar's arithmetic is not to be trusted.
    guard milliseconds.magnitude < 300_000_000_000_000 else { return "an unknown time" }
    let date = Date(timeIntervalSince1970: Double(milliseconds / day * (day / 1000)))
    let parts = date.formatted(.iso8601.year().month().day())
    let seconds = ((milliseconds % day) + day) % day / 1000
    func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(parts) \(two(seconds / 3600)):\(two(seconds / 60 % 60)):\(two(seconds % 60)) UTC"
  }

  static func pattern(_ pattern: GrowthTest.Pattern) -> String {
    switch pattern {
    case .growing: "grows"
    case .levelledOff: "rose and has levelled off"
    case .steady: "does not grow"
    case .falling: "falls"
    case .undecided: "too little was seen to say"
    }
  }

  /// Three dots, so that it reads without colour; the word stands beside.
  static func confidence(_ name: String) -> Markup {
    let full = ["possible": 1, "likely": 2, "certain": 3][name] ?? 0
    let dots = (1...3).map { $0 <= full ? "●" : "○" }.joined()
    return
      "<span class=\"confidence\"><span aria-hidden=\"true\">\(dots)</span> \(Glossary.confidence.term(name))</span>"
  }
}
