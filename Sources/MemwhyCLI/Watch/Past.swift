import Diagnosis
import Foundation
import ProcessImage
import Timeline

/// What a history knows of a service: its lives, the snapshots of the last of them, what happened.
struct Past {
  private var runs: [(run: Run, samples: [Sample])] = []
  private(set) var heaps: [HeapFacts] = []
  private(set) var events: [TimelineEvent] = []
  private(set) var remarks: [String] = []
  private var isSameLife = false
  var isEmpty: Bool { runs.isEmpty }
  /// The service as it was called last.
  var name: String? { runs.last?.run.name }
  var pid: Int32? { runs.last?.run.pid }

  init() {}

  /// All lives of the service that a process belongs to.
  init(_ history: History, pid: Int32) throws(TimelineError) {
    let now = (try? ProcessReader(pid: pid)).map { Run($0) }
    let all = try history.runs().filter { known in
      known.run.command == now?.command || now.map { known.run.isSameLife(as: $0) } ?? false
    }
    guard !all.isEmpty else {
      remarks.append("\(history.path) has nothing of this process")
      return
    }
    let current = all.last { known in now.map { known.run.isSameLife(as: $0) } ?? false }
    isSameLife = current != nil && current?.id == all.last?.id
    try read(history, all, current: current)
  }

  /// All lives of a target, or of the one that was recorded last; the process may be gone.
  init(_ history: History, target: String?) throws(TimelineError) {
    let every = try history.runs(target: target)
    guard let newest = every.max(by: { $0.last < $1.last }) else {
      remarks.append("\(history.path) has nothing" + (target.map { " of \($0)" } ?? ""))
      return
    }
    let own = every.filter { $0.target == newest.target }
    // What a shell was before the service took its place is no life of the service.
    let lives = own.filter { life in
      !own.contains {
        $0.run.isSameProcess(as: life.run) && $0.first > life.first && $0.run.command != life.run.command
      }
    }
    try read(history, lives, current: newest)
  }

  private mutating func read(
    _ history: History, _ all: [History.RecordedRun], current: History.RecordedRun?
  ) throws(TimelineError) {
    let rows = try history.samples(runs: all.map(\.id))
    for run in all { runs.append((run.run, rows.filter { $0.run == run.id }.map(\.sample))) }
    if let current {
      heaps = try history.captures(runs: [current.id]).compactMap {
        try? JSONDecoder().decode(HeapFacts.self, from: Data($0.content.utf8))
      }.filter(\.isPlausible)
    }
    events = try history.events(from: all.map(\.first).min() ?? .min)
  }

  /// The lives of before, the last of them going on with the new samples where it is the same process.
  func lives(continuedBy samples: [Sample]) -> [[Sample]] {
    var lives = runs.map(\.samples)
    if isSameLife, let last = lives.popLast() {
      return lives + [last + samples.filter { $0.time > last.last?.time ?? .min }]
    }
    return lives + [samples]
  }

  /// Only what was recorded.
  var lives: [[Sample]] { runs.map(\.samples) }
}
