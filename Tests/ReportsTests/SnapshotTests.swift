import Reports
import TestSupport
import Testing

@testable import HeapGraph

@Suite struct SnapshotTests {
  private func snapshot(_ entries: UInt64, perEntry: UInt64 = 100, process: String = "shop") -> Snapshot {
    let container = ContainerSummary(
      kind: .dictionary, keyType: "Int", valueType: "User", containers: 1, entries: entries, slots: entries * 2,
      inlineBytes: entries * perEntry, behindBytes: 0, emptyBytes: 0)
    var root = Holder(
      kind: .root, name: "users : [Int : User]", root: NamedRoot(kind: .global, title: "users : [Int : User]"),
      field: "",
      count: 1, ownBytes: 0, retainedBytes: entries * perEntry)
    root.children = [
      Holder(
        kind: .blocks, name: "[Int : User] storage", field: "", count: 1, ownBytes: entries * perEntry,
        retainedBytes: entries * perEntry, container: container)
    ]
    let stack = Holder(
      kind: .root, name: "run() on thread 17",
      root: NamedRoot(kind: .stack, title: "run() on thread \(entries)"), field: "", count: 1, ownBytes: 0,
      retainedBytes: 50)
    return Snapshot(
      toolVersion: "1", process: process, pid: 1, time: Double(entries),
      retained: HolderReport(
        reachableBytes: entries * perEntry + 50, reachableBlocks: 2, holders: [root, stack], otherCount: 0,
        otherBytes: 0),
      census: [CensusRow(type: "User", kind: .class, count: Int(entries), bytes: entries)],
      tasks: TaskReport(tasks: 0, retainedBytes: 0, groups: []))
  }

  @Test func readsWhatItWrote() throws {
    let one = snapshot(10)
    #expect(try Snapshot(decoding: one.encoded(), path: "a") == one)
  }

  /// Contents are kept only where they were asked for.
  @Test func noContentsUnlessAsked() throws {
    var container = ContainerSummary(
      kind: .dictionary, keyType: "String", valueType: "User", containers: 1, entries: 1, slots: 2, inlineBytes: 100,
      behindBytes: 0, emptyBytes: 0)
    container.keys = KeySummary(kind: .strings, looked: 1, distinct: 1, samples: [])
    func rows() -> [Snapshot.Row] {
      let holder = Holder(
        kind: .root, name: "users", root: NamedRoot(kind: .global, title: "users"), field: "", count: 1, ownBytes: 0,
        retainedBytes: 100, container: container)
      return Snapshot(
        toolVersion: "1", process: "shop", pid: 1, time: 0,
        retained: HolderReport(
          reachableBytes: 100, reachableBlocks: 1, holders: [holder], otherCount: 0, otherBytes: 0), census: [],
        tasks: TaskReport(tasks: 0, retainedBytes: 0, groups: [])
      ).holders
    }
    #expect(rows().map(\.keys) == [nil])
    container.keys?.samples = ["alice"]
    #expect(rows().map(\.keys) == [["alice"]])
  }

  @Test func moreEntriesOrBiggerOnes() throws {
    let more = try SnapshotDiff([snapshot(10), snapshot(30), snapshot(20)])
    let row = try #require(more.holders.first { $0.entries != nil })
    #expect(row.entries == [10, 30, 20] && row.bytesPerEntry == [100, 100] && !row.growsInEveryStep)
    // A thread's number does not make another holder.
    #expect(!more.holders.contains { $0.path.hasPrefix("run()") })
    let bigger = try SnapshotDiff([snapshot(10), snapshot(10, perEntry: 200)])
    let large = try #require(bigger.holders.first { $0.entries != nil })
    #expect(large.entries == [10, 10] && large.bytesPerEntry == [100, 200] && large.growsInEveryStep)
    let text = DiffText(style: TextStyle(), options: TextOptions()).render(bigger)
    #expect(text.contains("100 B -> 200 B an entry"), "\(text)")
  }

  /// A process that only leaks keeps no more than before: the answer must not be that nearly nothing grew.
  @Test func leaksGrowToo() throws {
    func leaking(_ instances: Int) -> Snapshot {
      var one = snapshot(10)
      one.leaks =
        Snapshot(
          toolVersion: "1", process: "shop", pid: 1, time: 0,
          retained: HolderReport(reachableBytes: 0, reachableBlocks: 0, holders: [], otherCount: 0, otherBytes: 0),
          census: [], tasks: TaskReport(tasks: 0, retainedBytes: 0, groups: []),
          leaks: [
            LeakGroup(
              kind: .cycle, title: "Session.onClose -> Session", steps: [], instances: instances, blocks: instances * 4,
              bytes: UInt64(instances) << 20, contents: [], examples: [], confidence: .certain)
          ]
        ).leaks
      return one
    }
    let diff = try SnapshotDiff([leaking(3), leaking(40)])
    let text = DiffText(style: TextStyle(), options: TextOptions()).render(diff)
    #expect(text.contains("3.0 MiB -> 40.0 MiB leaked, +37.0 MiB"), "\(text)")
    #expect(text.contains("LEAKS THAT GREW") && text.contains("Session.onClose -> Session"), "\(text)")
    #expect(try Snapshot(decoding: leaking(3).encoded(), path: "a") == leaking(3))
    // Files of before say nothing of leaks, and so does the comparison.
    #expect(try SnapshotDiff([snapshot(1), leaking(3)]).leakedBytes == nil)
  }

  @Test func refusesWhatItCannotCompare() throws {
    #expect(throws: SnapshotError.differentPrograms("shop", "bank")) {
      try SnapshotDiff([snapshot(1), snapshot(2, process: "bank")])
    }
    #expect(try SnapshotDiff([snapshot(1), snapshot(2, process: "bank")], anyProgram: true).snapshots == 2)
    var newer = snapshot(1)
    newer.version = 99
    let bytes = try newer.encoded()
    #expect(throws: SnapshotError.otherVersion(path: "a", found: 99)) { try Snapshot(decoding: bytes, path: "a") }
  }

  /// Damaged in any way, it is read or refused; what is read can be compared.
  @Test func survivesDamage() throws {
    let good = try snapshot(1000).encoded()
    for cut in 0..<good.count where cut % 7 == 0 {
      #expect(throws: SnapshotError.self) { try Snapshot(decoding: Array(good[..<cut]), path: "a") }
    }
    var refused = 0
    let rounds = Mutation.rounds(3000, seconds: 5) { generator in
      let bytes = Mutation.damaged(good, using: &generator)
      do throws(SnapshotError) {
        let read = try Snapshot(decoding: bytes, path: "a")
        let diff = try SnapshotDiff([snapshot(10), read, read], anyProgram: true)
        _ = DiffText(style: TextStyle(), options: TextOptions()).render(diff)
      } catch { refused += 1 }
    }
    #expect(refused > rounds / 2 && refused < rounds)
  }
}
