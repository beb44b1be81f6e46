/// The load that the current task runs in.
enum LoadContext {
  /// The number of its flight.
  @TaskLocal static var current: UInt64?
}

/// Which loads wait for which others, of all caches: finds loads that would wait for themselves, directly or in a circle, before they do.
///
/// Only loaders that ask a cache are in it, so it is nearly always empty.
enum WaitGraph {
  private static let edges = Guarded<[UInt64: [UInt64: Int]]>([:])

  /// Notes that the load of the current task, if there is one, is going to wait for another. False if that one waits for it, or is it.
  static func begin(waitingFor target: UInt64, from source: UInt64) -> Bool {
    edges.withLock { edges in
      var found: Set<UInt64> = [target]
      var open = [target]
      while let next = open.popLast() {
        if next == source { return false }
        for other in edges[next, default: [:]].keys where found.insert(other).inserted { open.append(other) }
      }
      edges[source, default: [:]][target, default: 0] += 1
      return true
    }
  }

  static func end(waitingFor target: UInt64, from source: UInt64) {
    edges.withLock { edges in
      guard let count = edges[source]?[target] else { return }
      edges[source]?[target] = count > 1 ? count - 1 : nil
      if edges[source]?.isEmpty == true { edges[source] = nil }
    }
  }
}
