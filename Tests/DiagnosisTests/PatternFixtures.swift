import SwiftMetadata
import Testing

@testable import Diagnosis
@testable import HeapGraph

extension GrowingPlace {
  /// A list that grew by 3 MB; under an event loop, so that the holder says nothing of the program.
  ///
  /// - Parameters:
  ///   - content: what the growth consists of, and how many more of it there are.
  ///   - entries: after the growth; a quarter of them before it. Nil for a place without a table.
  ///   - behind: bytes that hang on each entry.
  static func at(
    _ owner: String, content: (type: String, count: Int64)? = nil, entries: UInt64? = nil, element: String? = nil,
    behind: UInt64 = 500
  ) -> GrowingPlace {
    var place = GrowingPlace(
      path: ["[Item] storage"], types: ["[Item] storage"], growth: 3_000_000, retained: 4_000_000)
    place.owner = owner
    place.heldBy = "NIOPosix.singletonMTELG : NIOPosix.MultiThreadedEventLoopGroup"
    place.content = content?.type
    place.contentGrowth = content?.count ?? 0
    func container(_ entries: UInt64) -> ContainerSummary {
      ContainerSummary(
        kind: .array, keyType: nil, valueType: element, containers: 1, entries: entries, slots: entries,
        inlineBytes: entries * 8, behindBytes: entries * behind, emptyBytes: 0)
    }
    place.before = entries.map { container($0 / 4) }
    place.after = entries.map(container)
    return place
  }
}

extension HeapGrowth {
  /// What a minute added, by type; 100 bytes each.
  static func of(_ rows: [(type: String, kind: String, count: UInt64)]) throws -> HeapGrowth {
    let last = HeapFacts(
      time: 60_000,
      census: rows.map { .init(type: $0.type, kind: $0.kind, count: $0.count, bytes: $0.count * 100) })
    return try #require(HeapGrowth([HeapFacts(time: 0), last]))
  }
}
