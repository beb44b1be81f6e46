import HeapGraph
import Measurement

/// What a dropped `CheckedContinuation` costs beside its task: the runtime writes a message each time, keeps the text for a crash report,
/// and appends to it, so that each loss leaves one more block, each longer than the one before (measured with Swift 6.3.1: 3,000 losses
/// took 630 MiB, 22 MiB with the unchecked kind). They show as unreachable native blocks, as many as there were losses.
struct LostMessages {
  /// Shorter blocks are something else, in bytes.
  private static let fewest: UInt64 = 2048
  private static let fewestSizes = 8
  var bytes: UInt64
  var growth: Int64?
  var blocks: UInt64

  /// The blocks are told by their text, and not by their number and sizes.
  private var isTold: Bool

  /// Nil unless tasks were lost and the texts are there: blocks that begin as such a text, or, where another warning was the first and captures are
  /// older, about as many native blocks as tasks, of many sizes.
  init?(_ leaks: [HeapFacts.Leak], before: [String: HeapFacts.Leak]?) {
    let tasks = leaks.filter { $0.kind == "lostTask" }.reduce(UInt64(0)) { $0 &+ $1.instances }
    guard tasks > 0 else { return nil }
    isTold = leaks.contains(where: Self.isText)
    let isTold = isTold
    func counts(_ leak: HeapFacts.Leak) -> Bool { Self.counts(leak, isTold: isTold) }
    let native = leaks.filter(counts)
    blocks = native.reduce(0) { $0 &+ $1.instances }
    bytes = native.reduce(0) { $0 &+ $1.bytes }
    let sizes = native.count
    guard
      isTold
        || tasks >= 16 && sizes >= Self.fewestSizes && Double(blocks) >= 0.3 * Double(tasks)
          && Double(blocks) <= 3 * Double(tasks) && sizes * 20 >= Int(clamping: min(blocks, 4000))
    else { return nil }
    let old = before.map { known in known.values.reduce(UInt64(0)) { counts($1) ? $0 &+ $1.bytes : $0 } }
    growth = old.map { Int64(clamping: bytes) - Int64(clamping: $0) }
  }

  private static func isText(_ leak: HeapFacts.Leak) -> Bool {
    leak.kind == "native" && leak.title == TypedHeap.runtimeWarningsName
  }

  private static func counts(_ leak: HeapFacts.Leak, isTold: Bool) -> Bool {
    isTold ? isText(leak) : leak.kind == "native" && leak.bytes >= fewest
  }

  /// Whether a leak is one of these blocks.
  func counts(_ leak: HeapFacts.Leak) -> Bool { Self.counts(leak, isTold: isTold) }

  func add(to finding: inout Finding) {
    finding.holds &+= bytes
    finding.growth = finding.growth.map { $0 + (growth ?? 0) }
    finding.evidence.append(
      "\(Say.count(blocks)) native blocks, \(Say.bytes(bytes)), that no pointer leads to came with them: the texts of the runtime's messages about leaked continuations, each as long as all before it"
    )
    finding.advice.append(
      "until that is done, withUnsafeContinuation instead of withCheckedContinuation saves the messages' memory, but says nothing any more"
    )
  }
}
