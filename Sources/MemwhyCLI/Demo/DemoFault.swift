import ArgumentParser

/// The faults of the example service, what load shows them, and which causes are right answers.
enum DemoFault: String, CaseIterable, ExpressibleByArgument, Codable, Sendable {
  case retainCycle = "retain-cycle"
  case lostContinuation = "lost-continuation"
  case stream
  case cLeak = "c-leak"
  case threads
  case fragmentation

  static let list = allCases.map(\.rawValue).joined(separator: ", ")

  var plan: DemoLoad.Plan {
    var plan = DemoLoad.Plan(seconds: 40, peak: 400, isFlat: true)
    // Each connection loses its log: many short ones.
    if self == .retainCycle { plan.perConnection = 4 }
    return plan
  }

  /// Names of `Diagnosis.Cause` that would be right as the first one.
  var causes: [String] {
    switch self {
    case .retainCycle: ["leak"]
    case .lostContinuation: ["lostTasks"]
    case .stream: ["buffers"]
    case .cLeak: ["leak"]
    case .threads: ["threads"]
    case .fragmentation: ["pinnedArena", "manyArenas"]
    }
  }

  /// What the service's own count is of.
  var unit: String {
    switch self {
    case .retainCycle: "connection logs that nothing frees"
    case .lostContinuation: "tasks that wait for ever"
    case .stream: "audit records in the stream"
    case .cLeak: "C objects that are not given back"
    case .threads: "threads that never end"
    case .fragmentation: "small headers between freed rows"
    }
  }
}
