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
    #expect(text.hasPrefix("actor Runner.jobs holds nearly all of 980 B, "), "\(text)")
    #expect(text.hasSuffix(" of 1000 B in 20 reachable blocks, reached from runtime table timers."), "\(text)")
  }

  /// What several lead to: the tables of a library say less than the property below them.
  @Test func namesThePropertyOfWhatIsShared() {
    var report = report(.runtime)
    report.holders[0].kind = .shared
    report.holders[0].root = nil
    report.holders[0].heldBy = ["app : Application"]
    let text = RetainedText.headline(report)
    #expect(text.hasPrefix("actor Runner.jobs holds nearly all of 980 B, "), "\(text)")
    #expect(text.hasSuffix("20 reachable blocks, reached from app : Application and others."), "\(text)")
  }

  @Test func aVariableSaysEnough() {
    #expect(RetainedText.headline(report(.global)).hasSuffix("20 reachable blocks."))
  }
}
