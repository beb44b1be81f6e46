import Foundation
import Reports
import TestSupport
import Testing

@testable import HeapGraph

/// Every export says the same bytes, and in a form that its reader accepts.
@Suite struct ExportTests {
  private var report: HolderReport {
    var root = Holder(
      kind: .root, name: "users : [Int : User]", root: NamedRoot(kind: .global, title: "users : [Int : \"User\"];"),
      field: "", count: 1, ownBytes: 0, retainedBytes: 900)
    var storage = Holder(
      kind: .blocks, name: "[Int : User] storage", field: "", count: 1, ownBytes: 300, retainedBytes: 900)
    storage.children = [
      Holder(kind: .blocks, name: "User", field: "[value].user", count: 10, ownBytes: 500, retainedBytes: 500)
    ]
    (storage.otherCount, storage.otherBytes) = (3, 100)
    root.children = [storage]
    return HolderReport(reachableBytes: 1000, reachableBlocks: 20, holders: [root], otherCount: 6, otherBytes: 100)
  }

  @Test func formatsByName() {
    #expect(HolderExport(path: "a.heapsnapshot") == .heapsnapshot)
    #expect(HolderExport(path: "a.b.pb") == .pprof)
    #expect(HolderExport(path: "a.txt") == nil && HolderExport(path: "pb") == nil)
  }

  /// What DevTools' loader relies on: counts, offsets that are nodes, strings that exist, every node but the first referred to.
  @Test func heapsnapshotIsConsistent() throws {
    let bytes = HolderExport.heapsnapshot.render(report)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    let snapshot = try #require(object["snapshot"] as? [String: Any])
    let meta = try #require(snapshot["meta"] as? [String: Any])
    let nodes = try #require(object["nodes"] as? [Int])
    let edges = try #require(object["edges"] as? [Int])
    let strings = try #require(object["strings"] as? [String])
    let width = try #require((meta["node_fields"] as? [String])?.count)
    #expect((meta["node_types"] as? [Any])?.count == width)
    #expect(nodes.count == width * (snapshot["node_count"] as? Int ?? 0))
    #expect(edges.count == 3 * (snapshot["edge_count"] as? Int ?? 0))
    let starts = Array(stride(from: 0, to: nodes.count, by: width))
    #expect(starts.reduce(0) { $0 + nodes[$1 + 4] } * 3 == edges.count)
    #expect(starts.reduce(0) { $0 + nodes[$1 + 3] } == 1000)
    #expect(Set(starts.map { nodes[$0 + 2] }).count == starts.count)
    #expect(starts.allSatisfy { strings.indices.contains(nodes[$0 + 1]) })
    var targets = Set<Int>()
    for edge in stride(from: 0, to: edges.count, by: 3) {
      #expect(starts.contains(edges[edge + 2]))
      if edges[edge] == 2 { #expect(strings.indices.contains(edges[edge + 1])) }
      targets.insert(edges[edge + 2])
    }
    #expect(targets == Set(starts.dropFirst()))
  }

  @Test func collapsedAddsUp() throws {
    let text = String(decoding: HolderExport.collapsed.render(report), as: UTF8.self)
    let lines = text.split(separator: "\n")
    let bytes = lines.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
    #expect(bytes.count == lines.count && bytes.reduce(0, +) == 1000)
    #expect(text.contains("users : [Int : \"User\"],;[Int : User] storage;User 500\n"), "\(text)")
  }

  @Test func graphvizIsQuoted() {
    let text = String(decoding: HolderExport.dot.render(report), as: UTF8.self)
    #expect(text.hasPrefix("digraph holders {") && text.hasSuffix("}\n"))
    #expect(text.contains("\\\"User\\\""))
  }

  /// The tool itself reads it, with the same total.
  @Test func pprofReadsIt() throws {
    let path = NSTemporaryDirectory() + "memwhy-export-\(getpid()).pb"
    defer { unlink(path) }
    let bytes = HolderExport.pprof.render(report)
    // Field 1, a message: the first sample type.
    #expect(bytes.first == 0x0a)
    guard FileManager.default.isExecutableFile(atPath: "/usr/bin/go") else {
      print("SKIPPED pprofReadsIt: go is not installed")
      return
    }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let result = try Command.run(
      "go", ["tool", "pprof", "-top", "-nodecount=50", "-sample_index=retained", "-unit=B", path],
      environment: ["HOME": NSTemporaryDirectory(), "PPROF_TMPDIR": NSTemporaryDirectory()], timeout: 60)
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output.contains("1000B total"), "\(result.output)")
    #expect(result.output.contains("[Int : User] storage"), "\(result.output)")
  }
}
