import Testing

@testable import HeapGraph
@testable import Reports

struct RetainedTextTests {
  /// Fields stand behind the type they belong to, and those that lead to it behind the whole path.
  @Test func whoSharesAHolderIsSaidBehindItsPath() throws {
    var shared = Holder(
      kind: .shared, name: "Registry", field: "", count: 1, ownBytes: 24, retainedBytes: 1000,
      heldBy: ["Registry.shared : Registry"])
    shared.children = [
      Holder(kind: .blocks, name: "[Int : Row] storage", field: ".cache", count: 1, ownBytes: 976, retainedBytes: 976)
    ]
    let report = HolderReport(
      reachableBytes: 2000, reachableBlocks: 3, holders: [shared], otherCount: 0, otherBytes: 0)
    let target = ReportFixtures.leaky.target
    let lines = RetainedText(style: TextStyle(width: 1000), options: TextOptions()).lines(report, target)
    #expect(lines[0].hasPrefix("Registry, reached from Registry.shared : Registry and others, holds 1000 B, 50.0 % of"))
    #expect(
      lines[3].hasSuffix(
        "  Registry.cache -> [Int : Row] storage, reached from Registry.shared : Registry and others"))
  }
}
