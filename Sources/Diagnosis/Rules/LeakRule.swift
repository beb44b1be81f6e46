import HeapGraph

/// Blocks to which no pointer leads, and tasks that nothing can resume any more.
///
/// Needs a snapshot in which leaks could be judged. Exact at one instant; how fast it grows is the difference of two snapshots.
struct LeakRule: Rule {
  /// Less than this that does not grow is not worth a night: the leak section lists it all the same.
  static let negligible: UInt64 = 4096
  private static let most = 5

  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let heap = evidence.heaps.last, heap.isExact, let leaks = heap.leaks.map(HeapFacts.Leak.merged) else {
      return []
    }
    let before = evidence.heapPair.map { pair in
      Dictionary(HeapFacts.Leak.merged(pair.first.leaks ?? []).map { ($0.identity, $0) }) { first, _ in first }
    }
    let lost = LostMessages(leaks, before: before)
    let found = leaks.compactMap { leak -> Finding? in
      let growth = before.map { Int64(leak.bytes) - Int64($0[leak.identity]?.bytes ?? 0) }
      guard leak.bytes >= negligible || (growth ?? 0) > 0 else { return nil }
      // The messages of lost continuations count with the tasks that were lost.
      if let lost, lost.counts(leak) { return nil }
      return finding(leak, growth: growth, hours: evidence.heapHours)
    }
    var sorted = found.sorted { ($0.growth ?? 0, $0.holds) > ($1.growth ?? 0, $1.holds) }
    if let lost, let index = sorted.firstIndex(where: { $0.cause == .lostTasks }) {
      lost.add(to: &sorted[index])
      sorted.insert(sorted.remove(at: index), at: 0)
    }
    return Array(sorted.prefix(most)) + rest(sorted.dropFirst(most), evidence.heapHours) + accepted(evidence)
  }

  /// What a suppressions file accepts is no leak in the answer; where it grows, the growth has a name all the same.
  private static func accepted(_ evidence: Evidence) -> [Finding] {
    guard let pair = evidence.heapPair, let now = pair.last.acceptedLeaks, !now.isEmpty else { return [] }
    func bytes(_ heap: HeapFacts) -> UInt64 { (heap.acceptedLeaks ?? []).reduce(0) { $0 &+ $1.bytes } }
    let growth = Int64(clamping: bytes(pair.last)) - Int64(clamping: bytes(pair.first))
    guard growth > 0, let hours = evidence.heapHours else { return [] }
    return [
      Finding(
        .liveObjects, title: "leaks that are suppressed", confidence: .certain, growth: growth, holds: bytes(pair.last),
        evidence: [
          "no pointer leads to \(Say.bytes(bytes(pair.last))) that the suppressions file accepts, the largest: "
            + now.prefix(3).map(\.title).joined(separator: ", "),
          "grew by \(Say.bytes(growth)) between two snapshots, \(Say.rate(Double(growth), hours: hours))",
        ], advice: ["a leak that grows is not one to accept for long: take its line out of the suppressions file"],
        overturnedBy: "a longer watch shows that it does not go on growing")
    ]
  }

  /// Whether a finding stands for the leaks that are not told one by one.
  static func isRest(_ finding: Finding) -> Bool { finding.cause == .leak && finding.site == nil }

  /// Leaks beyond those that are told one by one, so that the sum is that of all.
  private static func rest(_ findings: ArraySlice<Finding>, _ hours: Double?) -> [Finding] {
    guard findings.count > 1, let first = findings.first else { return Array(findings) }
    let growth = hours == nil ? nil : findings.reduce(Int64(0)) { $0 + ($1.growth ?? 0) }
    let holds = findings.reduce(UInt64(0)) { $0 &+ $1.holds }
    var lines = [
      "no pointer leads to \(Say.bytes(holds)) of \(findings.count) more kinds, the largest: "
        + findings.prefix(3).map(\.title).joined(separator: ", ")
    ]
    if let growth, let hours, growth > 0 {
      lines.append("grew by \(Say.bytes(growth)) between two snapshots, \(Say.rate(Double(growth), hours: hours))")
    }
    return [
      Finding(
        .leak, title: "\(findings.count) more kinds of leak", confidence: findings.map(\.confidence).min() ?? .possible,
        growth: growth, holds: holds, evidence: lines, advice: ["`memwhy leaks PID` lists them all"],
        overturnedBy: first.overturnedBy)
    ]
  }

  private static func finding(_ leak: HeapFacts.Leak, growth: Int64?, hours: Double?) -> Finding {
    let isTask = leak.kind == "lostTask"
    var evidence = [
      isTask
        ? "\(Say.count(leak.instances)) tasks wait\(leak.waitsIn.map { " in \($0)" } ?? "") and nothing holds what could resume them"
        : "no pointer leads to \(Say.count(leak.blocks)) blocks, \(Say.bytes(leak.bytes)): \(leak.title)"
    ]
    if let growth, let hours, growth > 0 {
      evidence.append("grew by \(Say.bytes(growth)) between two snapshots, \(Say.rate(Double(growth), hours: hours))")
    }
    return Finding(
      isTask ? .lostTasks : .leak, title: isTask ? leak.waitsIn ?? leak.title : leak.title,
      site: isTask ? leak.waitsIn : leak.title,
      confidence: leak.confidence, growth: growth, holds: leak.bytes, evidence: evidence, advice: advice(leak),
      overturnedBy:
        "a pointer to one of these blocks lies where memwhy does not read: in shared memory, in a device, or encoded"
    )
  }

  /// What to do about tasks that nobody will resume.
  static let resume = "resume the continuation on every path, errors and cancellation included"
  private static let eachOther =
    "each waits for the end of a task that waits for it, or is that task itself, so that none ends: let one of them go on without `await`ing the other's `value`, and keep no handle of a task where the task itself awaits it"
  private static let endOfStream =
    "they wait for the next element of a stream that nobody but the leak itself can end: call `finish()` when what feeds it goes, and let the task capture weakly who keeps the continuation, or cancel it"

  /// `Page`, `Foundation.Timer` of `Page.timer -> Foundation.Timer.block -> Page`: what a reference leads to is a type alone only at the end, so
  /// each is given with its field and without it.
  private static func types(_ title: String) -> [String] {
    title.split(separator: " -> ").flatMap { step in
      [String(step), step.lastIndex(of: ".").map { String(step[..<$0]) } ?? ""]
    }
  }

  private static func advice(_ leak: HeapFacts.Leak) -> [String] {
    if leak.isFollowed == false {
      return [
        "`memwhy leaks PID` where there is more room, on the host or under a higher limit: it says what holds these blocks"
      ]
    }
    return switch leak.kind {
    case "cycle":
      leak.library.map { library in
        [
          "its objects are all of the module \(library): where that is a library, the program let go of an object of it without the call that ends it. End each (`shutdown()`, `close()`, `cancel()`, whatever \(library) calls it) before its last reference goes"
        ] + CollectionPattern.advice(ofModule: library)
      } ?? (SharedClients.advice(ofTypes: types(leak.title)).map { [$0] } ?? []) + [
        "break the cycle: capture weakly, make one reference weak, or clear it when done; the leak section names the field"
      ]
    case "lostTask" where leak.waitsFor.map { $0.hasPrefix("Async") && $0.contains(".next(") } == true: [endOfStream]
    case "lostTask" where leak.waitsFor.map(TaskGroup.isAnothersEnd) == true: [eachOther]
    case "lostTask": [resume]
    case "chain": ["look for Unmanaged.passRetained without a release, or a pointer that was let go"]
    case "native" where leak.title == "OS_dispatch_group":
      [
        "call `leave()` of the DispatchGroup for each `enter()` on every path: what waits for it, as the closure of `notify`, stays until then"
      ]
    case "native" where leak.title.contains("std::shared_ptr<"):
      ["make one of the shared pointers that hold each other a `std::weak_ptr`, or `reset()` it when it is done"]
    default: ["look for the missing free, deallocate or destroy call"]
    }
  }
}
