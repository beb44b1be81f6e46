import Synchronization

/// The truth, counted by the service itself: `GET /ledger` tells it, so that an answer from outside can be checked.
enum Ledger {
  static let opened = Atomic<Int>(0)
  static let freed = Atomic<Int>(0)
}
