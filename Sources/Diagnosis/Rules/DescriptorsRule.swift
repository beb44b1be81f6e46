import Measurement
import Timeline

/// Descriptors that become more: sockets, pipes and files that are opened and not closed.
///
/// They hardly show in resident memory: buffers of pipes and sockets are the kernel's.
struct DescriptorsRule: Rule {
  private static let fewest = 16.0

  private static func words(_ name: String) -> String { name.hasSuffix("/") ? "in \(name)" : name }

  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let now = evidence.latest(.descriptors) else { return [] }
    let test = evidence.growth(of: .descriptors, material: fewest)
    // Of all lives, as the test: the last one may have only begun.
    let change = evidence.changeOfAllLives(of: .descriptors) ?? 0
    guard test.pattern == .growing, change >= fewest else { return [] }
    let kinds = grownKinds(evidence)
    let worst = kinds.first
    let file = commonFile(evidence)
    var lines = ["\(Say.count(now)) descriptors are open, \(evidence.since(change, ofAllLives: true))"]
    lines += kinds.map { "\($0.name): +\(Say.count($0.change))" }
    if let file {
      lines.append(
        "of the files that were opened between the snapshots and not closed \(Say.count(file.more)) are \(words(file.name))"
      )
    }
    if let waiting = evidence.latest(.tcpCloseWait), waiting >= fewest {
      lines.append("\(Say.count(waiting)) TCP connections are in CLOSE-WAIT: the peer has closed, this process has not")
    }
    // Each has connections of its own, which go with it; clients of the same host may share none.
    let clients =
      worst?.name == "sockets"
      ? evidence.heapGrowth.flatMap { CollectionPattern.clients($0, atLeast: ((worst?.change ?? 0) / 4).saturated) }
      : nil
    if let clients { lines.append(clients.evidence) }
    let kernel = kernelGrowth(evidence)
    if kernel > 0 {
      lines.append("kernel memory and network buffers of the control group grew by \(Say.bytes(kernel))")
    }
    return [
      Finding(
        .descriptors, title: title(worst, file: file?.name, change), site: worst?.name,
        confidence: test.span >= 600 ? .certain : .likely, growth: kernel.saturated, holds: kernel.saturatedAmount,
        evidence: lines,
        advice: (clients.map { [$0.advice] } ?? []) + [
          "close what is opened on every path, errors included: `defer { close(fd) }`, channel.close(), the pipes of a Process",
          "`ls -l /proc/PID/fd` shows what they lead to",
        ], overturnedBy: "the number of descriptors falls back when the load does")
    ]
  }

  private typealias Kind = (name: String, change: Double)

  /// Kinds of descriptors that became more, those with the largest change first.
  private static func grownKinds(_ evidence: Evidence) -> [Kind] {
    let kinds: [(Metric, String)] = [
      (.sockets, "sockets"), (.pipes, "pipes"), (.openFiles, "files"),
      (.otherDescriptors, "others (epoll, eventfd, pidfd)"),
    ]
    return kinds.compactMap { metric, name in evidence.changeOfAllLives(of: metric).map { (name, $0) } }
      .filter { $0.change > 0 }.sorted { $0.change > $1.change }
  }

  /// The name that most of the files have that were opened and not closed.
  private static func commonFile(_ evidence: Evidence) -> (name: String, more: UInt64)? {
    let files = evidence.change(of: .openFiles) ?? 0
    return files >= fewest ? evidence.commonName(\.fileNames, of: files) : nil
  }

  /// What the kernel keeps for them, in bytes; 0 where other processes are in the control group.
  private static func kernelGrowth(_ evidence: Evidence) -> Double {
    guard evidence.ownsGroup else { return 0 }
    return [.groupKernel, .groupSocket].reduce(0) { $0 + max(evidence.changeOfAllLives(of: $1) ?? 0, 0) }
  }

  private static func title(_ worst: Kind?, file: String?, _ change: Double) -> String {
    guard let worst else { return "+\(Say.count(change)) descriptors" }
    let what = "+\(Say.count(worst.change)) \(worst.name)"
    guard worst.name == "files", let file else { return what }
    return what + ", most of them \(words(file))"
  }
}
