import Measurement

/// Who was looked at, what it cost them, and how far the heap can be trusted: a line each.
struct TargetText {
  var style: TextStyle

  func lines(_ report: ReportModel) -> [String] {
    var lines = [target(report)]
    if let freeze = report.freeze { lines.append(pause(freeze)) }
    lines.append(heap(report.heap))
    if let checks = checks(report.heap) { lines.append(checks) }
    return lines.flatMap { style.wrap(TextStyle.printable($0), rest: "  ") }
  }

  private func target(_ report: ReportModel) -> String {
    let target = report.target
    var text = target.name.isEmpty ? "unnamed process" : target.name
    if let pid = target.pid { text += " (pid \(pid))" }
    if let path = target.corePath { text += ", core file \(path)" }
    if target.threads > 0 { text += ", \(Count(target.threads).of("thread"))" }
    if target.source == .running { text += ", read while it went on running" }
    return text
  }

  private func pause(_ freeze: ReportModel.Freeze) -> String {
    let measured = TimeSpan(nanoseconds: freeze.measuredPauseNanoseconds)
    let predicted = TimeSpan(nanoseconds: freeze.predictedPauseNanoseconds)
    let retries = freeze.retries > 0 ? ", after \(Count(freeze.retries).of("attempt")) given up" : ""
    return "Paused for \(measured) (predicted \(predicted))\(retries)"
  }

  private func heap(_ heap: ReportModel.Heap) -> String {
    var text = "Heap: \(ByteCount(heap.bytes)) in \(Count(heap.blocks).of("live block"))"
    if heap.typedBlocks > 0 { text += ", \(Share(heap.typedBlocks, of: heap.blocks)) of them typed" }
    if heap.freeBytes > 0 { text += "; \(ByteCount(heap.freeBytes)) free in the allocator" }
    text += "; \(heap.allocator)"
    if heap.arenas.count > 1 { text += ", \(Count(heap.arenas.count)) arenas" }
    return text
  }

  private func checks(_ heap: ReportModel.Heap) -> String? {
    guard !heap.checks.isEmpty else {
      return heap.isExact ? nil : "Self-checks: none; this allocator's structures are not known"
    }
    let failed = heap.failedChecks
    guard let first = failed.first else {
      return "Self-checks: all \(Count(heap.checks.count)) agree with the allocator's own counters"
    }
    return "Self-checks: \(failed.count) of \(heap.checks.count) FAILED, first \(first.name): "
      + "expected \(Count(first.expected)), found \(Count(first.found))"
  }
}
