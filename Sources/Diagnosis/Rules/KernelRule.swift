import Measurement
import Timeline

/// Kernel memory of the control group that neither threads nor descriptors explain: page tables, dentries, network buffers.
struct KernelRule: Rule {
  static func findings(_ evidence: Evidence) -> [Finding] {
    guard evidence.ownsGroup, let usage = evidence.latest(.groupUsage), let now = evidence.latest(.groupKernel) else {
      return []
    }
    let test = evidence.growth(of: .groupKernel, material: Evidence.material(usage))
    let isElsewhere = [(Metric.threads, 8.0), (.descriptors, 16.0)].contains {
      evidence.growth(of: $0, material: $1).pattern == .growing
    }
    guard test.pattern == .growing, !isElsewhere else { return [] }
    let tables = evidence.latest(.pageTables) ?? 0
    return [
      Finding(
        .kernel, title: "kernel memory of the control group", confidence: .likely, growth: test.rise.saturated,
        holds: now.saturatedAmount,
        evidence: [
          "\(Say.bytes(now)) of kernel memory, growing by \(Say.rate(test.slope.slope * 3600, hours: 1))",
          "of it page tables of this process: \(Say.bytes(tables))",
        ],
        advice: [
          "many small files opened or looked up fill the dentry cache, which is given back when memory is short; `slabtop` names the slabs"
        ], overturnedBy: "it falls when memory is short")
    ]
  }
}
