import Testing

@testable import HeapGraph
@testable import Reports

/// What several holders share is a line with the field that holds most of it, and who leads there last.
@Suite struct RetainedTextTests {
  private func text(_ change: (inout Holder) -> Void) -> String {
    var holder = Holder(
      kind: .shared, name: "Event", root: nil, field: "", count: 12, ownBytes: 600, retainedBytes: 1000)
    holder.heldBy = ["feed : Feed"]
    change(&holder)
    let report = HolderReport(
      reachableBytes: 1000, reachableBlocks: 20, holders: [holder], otherCount: 0, otherBytes: 0)
    return RetainedText(style: TextStyle(width: 1000), options: TextOptions()).lines(report).joined(separator: "\n")
  }

  @Test func theFieldThatHoldsMostIsNamed() {
    #expect(text { _ in }.contains("  12 x Event, reached from feed : Feed and others"))
    #expect(
      text { $0.sharedBy = "Stream.pending[…]" }.contains(
        "  12 x Event, most of them in Stream.pending[…], reached from feed : Feed and others"))
  }

  /// The way down goes on from the blocks, not from those that share them.
  @Test func whoLeadsThereComesLast() {
    let way = text { holder in
      holder.count = 1
      holder.name = "Store"
      holder.children = [
        Holder(
          kind: .blocks, name: "[Int : User] storage", root: nil, field: ".users", count: 1, ownBytes: 900,
          retainedBytes: 990)
      ]
    }
    #expect(way.contains("  Store.users -> [Int : User] storage, reached from feed : Feed and others"), "\(way)")
  }

  /// Of very many entries a part is looked at, and only that is known to differ.
  @Test(arguments: [(UInt64(400_000), "all 400,000 different"), (691_200, "all 400,000 looked at different")])
  func keysAreThoseLookedAt(entries: UInt64, words: String) {
    let way = text { holder in
      holder.count = 1
      holder.name = "[String : User] storage"
      var container = ContainerSummary(
        kind: .dictionary, keyType: "String", valueType: "User", containers: 1, entries: entries, slots: entries * 2,
        inlineBytes: entries * 48, behindBytes: 0, emptyBytes: 0)
      container.keys = KeySummary(
        kind: .strings, looked: 400_000, distinct: 400_000, lowest: nil, highest: nil, averageLength: 12, samples: [])
      holder.container = container
    }
    #expect(way.contains(words), "\(way)")
  }
}
