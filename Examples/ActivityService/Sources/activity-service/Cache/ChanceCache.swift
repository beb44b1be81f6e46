import Foundation
import Synchronization

/// All chances, read anew every minute: the function that the first profile showed, and that had nothing to do with it.
final class ChanceCache: Sendable {
  /// Most ids of one query.
  static let mostIDs = 3_181

  private let encoded = Mutex<[Int64: Data]>([:])

  var count: Int { encoded.withLock { $0.count } }

  /// Asks by `id IN (…)`, decodes the JSON of each row, and keeps it encoded anew. Two calls for 4,800 chances.
  func refresh(from database: ActivityDatabase) throws {
    let ids = try database.chanceIDs()
    let decoder = JSONDecoder()
    let encoder = JSONEncoder()
    var fresh: [Int64: Data] = [:]
    var start = 0
    while start < ids.count {
      let end = min(start + Self.mostIDs, ids.count)
      for row in try database.chances(ids: Array(ids[start..<end])) {
        let rule = try decoder.decode(ChanceRule.self, from: Data(row.rule.utf8))
        if rule.stock > 0 { fresh[row.id] = try encoder.encode(rule) }
      }
      start = end
    }
    encoded.withLock { $0 = fresh }
  }
}
