import HeapGraph
import Measurement

/// Equal values stored more than once: what sharing them would give back.
///
/// Needs a snapshot whose blocks were compared. Counted by content, so it holds now; whether it is worth a change is another matter.
struct DuplicatesRule: Rule {
  private static let negligible: UInt64 = 8 << 20

  private static func isBuffer(_ type: String) -> Bool {
    type == "[UInt8] storage" || type == "[Int8] storage" || type.hasSuffix("__DataStorage")
  }

  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let heap = evidence.heaps.last, let waste = heap.waste, waste.duplicateBytes >= negligible,
      Double(waste.duplicateBytes) >= 0.1 * Double(waste.reachableBytes), let first = waste.duplicates.first
    else { return [] }
    // Buffers of plain bytes are often equal because they are empty, and are written to later.
    let values = waste.duplicates.filter { !isBuffer($0.type) }
    let caches = BoundedCaches(heap)
    func refilled(_ groups: [DuplicateGroup]) -> UInt64 {
      caches?.refilled(groups.map { ($0.type, $0.blocks, $0.savedBytes) }) ?? 0
    }
    let inCaches = min(refilled(waste.duplicates), waste.duplicateBytes)
    let isMuch =
      Double(values.reduce(UInt64(0)) { $0 &+ $1.savedBytes }) - Double(refilled(values))
      >= 0.25 * Double(waste.reachableBytes)
    return [
      Finding(
        .duplicates, title: "equal copies of \(first.type)", site: first.type,
        confidence: isMuch ? .likely : .possible, holds: waste.duplicateBytes - inCaches,
        evidence: [
          "\(Say.bytes(waste.duplicateBytes)) of \(Say.bytes(waste.reachableBytes)) in use are copies of something that is there as well"
        ]
          + waste.duplicates.prefix(3).map {
            "\(Say.count($0.blocks)) \($0.type), \(Say.count($0.distinct)) different: sharing saves \(Say.bytes($0.savedBytes))"
          } + BoundedCaches.note(inCaches, caches),
        advice: [
          "make one of each and hand out references: a table of shared immutable values, interned strings, a value computed once instead of once a request",
          "`memwhy retained PID` shows who holds them",
        ], overturnedBy: "the copies are changed later, each in its own way")
    ]
  }
}
