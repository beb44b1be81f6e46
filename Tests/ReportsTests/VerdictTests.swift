import HeapGraph
import Reports
import Testing

struct VerdictTests {
  private func report(_ leaks: ReportModel.Leaks) -> ReportModel {
    ReportModel(
      tool: ReportFixtures.tool, verb: "leaks", target: ReportFixtures.leaky.target, heap: ReportFixtures.exactHeap,
      leaks: leaks)
  }

  @Test func theSurestGroupDecides() {
    #expect(report(.init(groups: [ReportFixtures.native])).verdict.certainty == .possible)
    #expect(report(.init(groups: [ReportFixtures.native, ReportFixtures.cycle])).verdict.certainty == .certain)
    #expect(report(.init(groups: [])).verdict.certainty == .none)
    #expect(report(.init(groups: [])).verdict.answer == .noLeak)
    #expect(report(.notJudged("reasons")).verdict.answer == .notJudged)
  }

  @Test func certaintiesAreOrdered() {
    #expect(ReportModel.Certainty.none < .possible)
    #expect(ReportModel.Certainty.possible < .likely)
    #expect(ReportModel.Certainty.likely < .certain)
  }

  @Test func absurdCountsDoNotTrap() {
    var group = ReportFixtures.cycle
    group.blocks = .max
    group.bytes = .max
    let result = report(.init(groups: [group, group]))
    #expect(!TextReport().render(result).isEmpty)
  }

  @Test func aCycleHasOneFingerprintWhereverItStarts() {
    let rotated = ReportModel.LeakGroup(
      kind: .cycle, type: "closure context", instances: 1, blocks: 1, bytes: 1,
      edges: ReportFixtures.cycle.edges.reversed())
    #expect(rotated.fingerprint == ReportFixtures.cycle.fingerprint)
    #expect(rotated.fingerprint != ReportFixtures.lostTask.fingerprint)
    #expect(rotated.fingerprint.count == 16)
  }

  /// Tasks that lost the same continuation on different ways are several groups, and one change.
  @Test func equalStepsAreToldOnce() {
    let steps = report(.init(groups: [ReportFixtures.lostTask, ReportFixtures.lostTask, ReportFixtures.native]))
      .nextSteps
    #expect(steps.count { $0.contains("Inventory.fetch(id:)") && $0.contains("Resume it") } == 1)
    #expect(steps.contains { $0.contains("Native blocks") })
  }

  @Test func stepsNameTheFieldToChange() {
    let steps = ReportFixtures.leaky.nextSteps
    #expect(steps.contains { $0.contains("Session.onClose") && $0.contains("[weak self]") })
    #expect(steps.contains { $0.contains("Inventory.fetch(id:)") })
    #expect(steps.contains { $0.contains("leak:Session.onClose") })
  }

  /// A closure without a context of its own cannot be made weak: what it captures can.
  @Test func aClosureIsToldFromAReference() {
    func step(_ target: String, isClosure: Bool) -> String {
      let edge = ReportModel.Edge(source: "Session", field: "onClose", target: target, isClosure: isClosure)
      let group = ReportModel.LeakGroup(
        kind: .cycle, type: "Session", instances: 1, blocks: 1, bytes: 1, edges: [edge])
      return report(.init(groups: [group])).nextSteps.first ?? ""
    }
    #expect(step("Session", isClosure: true).contains("captures its owner. Capture it weakly"))
    #expect(step("App.Server", isClosure: true).contains("captures the Server. Capture it weakly"))
    #expect(step("Session", isClosure: false).contains("make this reference"))
  }

  private func advice(_ edges: [ReportModel.Edge]) -> String {
    let group = ReportModel.LeakGroup(
      kind: .cycle, type: edges[0].source, instances: 1, blocks: 1, bytes: 1, edges: edges)
    return report(.init(groups: [group])).nextSteps.first ?? ""
  }

  /// A library keeps the closure: what the program can change is its own field that leads there.
  @Test func aClosureInALibrarysObjectIsToldByTheProgramsField() {
    let text = advice([
      .init(source: "Poller", field: "timer", target: "Dispatch.Source", isOwn: true),
      .init(source: "Dispatch.Source", field: "wrapped", target: "OS_source"),
      .init(source: "OS_source", field: "", target: "Block (malloc)"),
      .init(source: "Block (malloc)", field: "", target: "Block (malloc)"),
      .init(source: "Block (malloc)", field: "", target: "Poller"),
    ])
    #expect(
      text.hasPrefix("`Poller.timer`: a closure that hangs on it (`Dispatch.Source.wrapped`) captures its owner."),
      "\(text)")
  }

  /// What a stored closure captures is told by name where it is not its owner.
  @Test func whatAClosureCapturesIsNamed() {
    let text = advice([
      .init(source: "Subject", field: "sinks[…]", target: "closure context (() -> Void)", isOwn: true),
      .init(source: "closure context (() -> Void)", field: "", target: "Model"),
      .init(source: "Model", field: "subject", target: "Subject", isOwn: true),
    ])
    #expect(text.hasPrefix("`Subject.sinks[…]`: the closure stored there captures the Model."), "\(text)")
  }

  /// Neither an element of a collection nor a value in a box can be weak: of two fields that which can.
  @Test func onlyWhatCanBeWeakIsToBe() {
    let box = ReportModel.Edge(source: "Scope", field: "shape", target: "box of Circle", isOwn: true)
    let back = ReportModel.Edge(source: "box of Circle", field: "", target: "Scope")
    #expect(advice([box, back]).hasPrefix("`Scope.shape`: let what is stored there refer back weakly"))
    let node = ReportModel.Edge(source: "Node", field: "scope", target: "Scope", isOwn: true)
    let list = ReportModel.Edge(source: "Scope", field: "nodes[…]", target: "Node", isOwn: true)
    #expect(advice([list, node]).hasPrefix("`Node.scope`: make this reference"))
    let library = ReportModel.Edge(source: "Archive.List", field: "items", target: "Node")
    let own = ReportModel.Edge(source: "Node", field: "list", target: "Archive.List", isOwn: true)
    #expect(advice([library, own]).hasPrefix("`Node.list`: make this reference"))
  }

  /// A client that lives until it is told to end keeps its delegate: a weak reference to it would be nil at once.
  @Test func aClientIsToldToEnd() {
    let own = ReportModel.Edge(
      source: "Downloader", field: "session", target: "FoundationNetworking.URLSession", isOwn: true)
    let back = ReportModel.Edge(source: "FoundationNetworking.URLSession", field: "delegate", target: "Downloader")
    let text = advice([own, back])
    #expect(text.hasPrefix("`Downloader.session`: ") && text.contains("`finishTasksAndInvalidate()`"), "\(text)")
    #expect(!text.contains("weak"))
  }

  @Test func sharedPointersAreToldHowToEnd() {
    var group = ReportFixtures.native
    group.type = "std::shared_ptr<Peer>"
    #expect(report(.init(groups: [group])).nextSteps.first?.contains("std::weak_ptr") == true)
  }

  @Test func groupsThatNobodyLeavesAreToldFromMemoryOfC() {
    var group = ReportFixtures.native
    group.type = "OS_dispatch_group"
    #expect(report(.init(groups: [group])).nextSteps.first?.contains("`leave()`") == true)
    group.type = TypedHeap.runtimeWarningsName
    #expect(report(.init(groups: [group])).nextSteps.first?.contains("no continuation is dropped") == true)
  }

  /// All that is known of them is their type: a member of a cycle was not retained once too often.
  @Test func blocksThatWereNotFollowedAreNotExplained() {
    let group = ReportModel.LeakGroup(kind: .chain, type: "Session", instances: 40, blocks: 40, bytes: 4000)
    var unfollowed = group
    unfollowed.isFollowed = false
    func step(_ group: ReportModel.LeakGroup) -> String { report(.init(groups: [group])).nextSteps.first ?? "" }
    #expect(step(group).contains("retained once more") && !step(unfollowed).contains("retained"))
    #expect(step(unfollowed).contains("more room"))
    #expect(unfollowed.description == "40 × Session to which nothing leads")
  }

  @Test func aTaskThatWaitsForAStreamIsToldSo() throws {
    var group = ReportFixtures.lostTask
    group.waitsFor = "AsyncStream.Iterator.next(isolation:)"
    #expect(report(.init(groups: [group])).nextSteps.first?.contains("`finish()`") == true)
    group.waitsFor = "Task.value.getter"
    let step = try #require(report(.init(groups: [group])).nextSteps.first)
    #expect(step.contains("waits for the end of one that waits for it"))
  }

  @Test func whatTheLimitHasCostIsSaid() throws {
    var growth = try #require(PageFixtures.growing.growth)
    func text() -> String {
      GrowthText(style: TextStyle(width: 1000), options: TextOptions()).lines(growth).joined(separator: "\n")
    }
    #expect(!text().contains("Out of memory"))
    let detail = "for lack of memory the kernel killed 1 process of its control group"
    for time in [1, 2] { growth.events.append(.init(time: Int64(time), kind: .outOfMemory, detail: detail)) }
    #expect(text().contains("  Out of memory, 2 times, the last time: \(detail)."))
  }
}
