/// What the service remembers of a visitor while a visit lasts.
///
/// Used by one request at a time, which is why it gets by without a lock.
final class Session: @unchecked Sendable {
  let user: String
  var journal: [String] = []
  var basket: [UInt8]
  /// Runs when the visit ends.
  var onClose: (() -> Void)?

  init(user: String) {
    self.user = user
    self.basket = [UInt8](repeating: 1, count: 2_048)
    Ledger.opened.add(1, ordering: .relaxed)
  }

  deinit { Ledger.freed.add(1, ordering: .relaxed) }

  func close() {
    onClose?()
    // The bug's other half: `onClose = nil` here would have broken the cycle as well.
  }
}
