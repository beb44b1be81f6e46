/// A chance to win: its rule is a JSON column, because it was the quickest way then.
struct Chance: Sendable {
  var id: Int64
  var rule: ChanceRule
}

struct ChanceRule: Codable, Sendable {
  var activity: Int64
  var probability: Double
  var stock: Int
  var channels: [String]
  var note: String
}
