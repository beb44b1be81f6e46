import HeapGraph
import Measurement

/// What actors do and who waits for them, in a line.
enum ActorText {
  /// `running, 1,204 jobs wait, the longest in deliver(_:)`; of several `3 actors, 1 running; …`.
  static func line(_ actors: ActorSummary) -> String {
    var text: String
    if actors.actors == 1 {
      text = actors.running > 0 ? "running" : actors.scheduled > 0 ? "scheduled" : "idle"
    } else {
      text = "\(Count(actors.actors).of("actor"))"
      if actors.running > 0 { text += ", \(Count(actors.running)) running" }
      if actors.scheduled > 0 { text += ", \(Count(actors.scheduled)) scheduled" }
    }
    guard actors.jobs > 0 else { return text + (actors.actors == 1 ? "; no job waits" : "; no jobs wait") }
    text += "; \(Count(actors.jobs).of("job")) \(actors.jobs == 1 ? "waits" : "wait")"
    if actors.actors > 1, actors.mostJobs < actors.jobs { text += ", \(Count(actors.mostJobs)) on one of them" }
    if let function = actors.longestWaiting { text += ", the longest in \(function)" }
    return text
  }

  /// `waiting: 900 x deliver(_:), 304 x collect()`; nil where the functions have no names or there is only one.
  static func waiting(_ actors: ActorSummary) -> String? {
    let named = actors.waiting.filter { !$0.function.isEmpty }
    guard named.count > 1 else { return nil }
    return "waiting: " + named.map { "\(Count($0.jobs)) x \($0.function)" }.joined(separator: ", ")
  }
}
