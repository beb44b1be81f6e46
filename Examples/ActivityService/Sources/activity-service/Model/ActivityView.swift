/// An activity as one user sees it. 192 bytes in place: what a value costs in every bucket of a dictionary, used or not.
struct ActivityView: Sendable {
  var id: Int64
  var name: String
  var description: String
  var url: String
  var region: String
  var start: Int64
  var end: Int64
  var status: Int32
  var kind: Int32
  var limits: Limits
  var reward: Reward
  var weight: Double
  var flags: UInt64
  var updated: Int64

  struct Limits: Sendable {
    var daily: Int64
    var total: Int64
    var used: Int64
  }

  struct Reward: Sendable {
    var sku: String
    var title: String
    var amount: Int64
    var price: Double
  }
}

/// The same behind a reference. Read-only: an object that many share must not change under them.
final class SharedActivity: Sendable {
  let view: ActivityView
  init(_ view: ActivityView) { self.view = view }
}

/// What an answer says of a user's activities.
struct ActivitySummary: Sendable {
  /// In no particular order.
  var keys: [String] = []
  var checksum: UInt64 = 0

  mutating func add(_ key: String, _ view: ActivityView) {
    keys.append(key)
    checksum &+= UInt64(bitPattern: view.id) &* 31 &+ UInt64(bitPattern: view.start) &+ UInt64(view.name.utf8.count)
  }
}
