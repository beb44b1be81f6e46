import Diagnosis
import Foundation
import Reports
import Testing

@testable import WebUI

@Suite struct CaptureViewTests {
  private func nodes(_ node: ReportModel.Tree.Node) -> Int { node.children.reduce(1) { $0 + nodes($1) } }

  /// Two places of one path at each of many levels are as many nodes, not two to the power of the levels.
  @Test func placesOfOnePathDoNotMultiply() throws {
    var facts = HeapFacts(time: 1, liveBlocks: 10, liveBytes: 1000, census: [])
    let levels = 18
    facts.holders = (1...levels).flatMap { level in
      (0..<2).map { _ in
        HeapFacts.Holder(
          path: (0..<level).map { $0 == 0 ? "root" : ".next" }, type: "Node", count: 1, retained: UInt64(100 - level))
      }
    }
    let content = String(decoding: try JSONEncoder().encode(facts), as: UTF8.self)
    let view = try #require(CaptureView(id: 1, content: content))
    let tree = try #require(view.detail.holders)
    #expect(nodes(tree.root) == 1 + 2 * levels)
  }
}
