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
    let kinds: [(Metric, String)] = [
      (.sockets, "sockets"), (.pipes, "pipes"), (.openFiles, "files"),
      (.otherDescriptors, "others (epoll, eventfd, pidfd)"),
    ]
    let changes = kinds.compactMap { metric, name in evidence.changeOfAllLives(of: metric).map { (name, $0) } }.filter {
      $0.1 > 0
    }
    let worst = changes.max { $0.1 < $1.1 }
    var lines = ["\(Say.count(now)) descriptors are open, \(evidence.since(change, ofAllLives: true))"]
    lines += changes.sorted { $0.1 > $1.1 }.map { "\($0.0): +\(Say.count($0.1))" }
    let files = evidence.change(of: .openFiles) ?? 0
    let most = files >= fewest ? evidence.commonName(\.fileNames, of: files) : nil
    if let most {
      lines.append(
        "of the files that were opened between the snapshots and not closed \(Say.count(most.more)) are \(words(most.name))"
      )
    }
    if let waiting = evidence.latest(.tcpCloseWait), waiting >= fewest {
      lines.append("\(Say.count(waiting)) TCP connections are in CLOSE-WAIT: the peer has closed, this process has not")
    }
    // Each has connections of its own, which go with it; clients of the same host may share none.
    let clients =
      worst?.0 == "sockets"
      ? evidence.heapGrowth.flatMap { CollectionPattern.clients($0, atLeast: ((worst?.1 ?? 0) / 4).saturated) } : nil
    if let clients { lines.append(clients.evidence) }
    let kernel =
      evidence.ownsGroup
      ? [.groupKernel, .groupSocket].reduce(0) { $0 + max(evidence.changeOfAllLives(of: $1) ?? 0, 0) } : 0
    if kernel > 0 {
      lines.append("kernel memory and network buffers of the control group grew by \(Say.bytes(kernel))")
    }
    return [
      Finding(
        .descriptors,
        title: worst.map {
          "+\(Say.count($0.1)) \($0.0)" + ($0.0 == "files" ? most.map { ", most of them \(words($0.name))" } ?? "" : "")
        }
          ?? "+\(Say.count(change)) descriptors",
        site: worst?.0,
        confidence: test.span >= 600 ? .certain : .likely, growth: kernel.saturated, holds: kernel.saturatedAmount,
        evidence: lines,
        advice: (clients.map { [$0.advice] } ?? []) + [
          "close what is opened on every path, errors included: `defer { close(fd) }`, channel.close(), the pipes of a Process",
          "`ls -l /proc/PID/fd` shows what they lead to",
        ], overturnedBy: "the number of descriptors falls back when the load does")
    ]
  }
}
