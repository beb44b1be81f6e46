/// The rule of a chance to win: a JSON column, because it was the quickest way then.
struct ChanceRule: Codable, Sendable {
  var activity: Int64
  var probability: Double
  var stock: Int
  var channels: [String]
  var note: String
}
