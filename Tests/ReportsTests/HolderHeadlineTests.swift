import Testing

@testable import HeapGraph
@testable import Reports

/// The first sentence of `memwhy retained`.
struct HolderHeadlineTests {
  private func report(_ root: NamedRoot.Kind) -> HolderReport {
    func blocks(_ name: String, field: String = "", _ children: [Holder] = []) -> Holder {
      var holder = Holder(kind: .blocks, name: name, field: field, count: 1, ownBytes: 0, retainedBytes: 970)
      holder.children = children
      return holder
    }
    var top = Holder(
      kind: .root, name: "timers", root: NamedRoot(kind: root, title: "timers"), field: "", count: 1, ownBytes: 0,
      retainedBytes: 980)
    let jobs = blocks("Set<Job> storage", field: ".jobs")
    top.children = [blocks("untyped block", [blocks("task suspended in sleep()", [blocks("actor Runner", [jobs])])])]
    return HolderReport(reachableBytes: 1000, reachableBlocks: 20, holders: [top], otherCount: 0, otherBytes: 20)
  }

  /// A timer leads to a task that sleeps: the property is what a developer can change.
  @Test func namesThePropertyBehindWhatTheRuntimeKeeps() {
    let text = RetainedText.headline(report(.runtime))
    #expect(text.hasPrefix("runtime table timers holds"))
    #expect(text.hasSuffix("20 reachable blocks; nearly all of it is in actor Runner.jobs."), "\(text)")
  }

  @Test func aVariableSaysEnough() {
    #expect(RetainedText.headline(report(.global)).hasSuffix("20 reachable blocks."))
  }
}
