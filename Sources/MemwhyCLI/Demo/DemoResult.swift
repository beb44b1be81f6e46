/// What the demo saw, and whether memwhy was right. Written by `memwhy demo --json` (docs/demo.md). Bytes, seconds.
struct DemoResult: Codable, Sendable, Hashable {
  /// One day with one shape of the cache.
  struct Day: Codable, Sendable, Hashable {
    var variant: String
    var requests: Int
    var failedRequests: Int
    var latencyP99Seconds: Double
    /// Entries of the cache by the service's own count.
    var entries: Int
    var residentBytes: UInt64
    /// Live blocks by memwhy.
    var liveBytes: UInt64
    /// Processor time of the service for all requests.
    var processorSeconds: Double

    var processorPerRequest: Double { requests > 0 ? processorSeconds / Double(requests) : 0 }
  }

  /// Something that must hold. The demo fails where one does not.
  struct Check: Codable, Sendable, Hashable {
    var claim: String
    var holds: Bool
    /// What was seen.
    var seen: String
  }

  var schemaVersion = 1
  var fault: String?
  /// memwhy's answer: its sentence, the first cause and who is named.
  var sentence = ""
  var cause = ""
  var site: String?
  var days: [Day] = []
  /// What references to shared values would save of the cache, by memwhy before the change and by the change itself.
  var predictedSaving: UInt64?
  var realSaving: UInt64?
  var checks: [Check] = []
  var seconds = 0.0

  var isRight: Bool { !checks.isEmpty && checks.allSatisfy(\.holds) }

  mutating func check(_ claim: String, _ holds: Bool, seen: String) {
    checks.append(Check(claim: claim, holds: holds, seen: seen))
  }
}
