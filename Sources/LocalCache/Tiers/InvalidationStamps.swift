/// Counts the changes of keys, so that a load knows when it has finished whether what it brings is out of date already.
///
/// All changes are numbered, and each is noted where its key has its place. Keys share places: a load that meets a change of another key in its place is not
/// kept, which costs a miss and no more.
final class InvalidationStamps: Sendable {
  /// How many changes there were when somebody looked: the lower half of their number, which is enough for loads during which there are no four thousand
  /// million of them, and takes four bytes less of each entry.
  struct Stamp: Sendable, Equatable {
    fileprivate let count: UInt32
  }

  private struct State {
    var count: UInt64
    /// Number of the last known change of each place.
    var changes: [UInt64]
    /// Number of the last time that changes may have been missed.
    var gap: UInt64 = 0

    func place(_ hash: Int) -> Int { Int(UInt(bitPattern: hash) % UInt(changes.count)) }

    /// The whole number of which a stamp is a half.
    func number(_ stamp: Stamp) -> UInt64 { count &- UInt64(UInt32(truncatingIfNeeded: count) &- stamp.count) }
  }
  private let state: Guarded<State>

  /// - Parameters:
  ///   - places: keys beyond so many share theirs for sure.
  ///   - count: changes before the first, for tests.
  init(places: Int = 1024, count: UInt64 = 0) {
    state = Guarded(State(count: count, changes: Array(repeating: 0, count: max(1, places))))
  }

  /// To be taken before anything is read that is compared with it later.
  func stamp() -> Stamp { state.withLock { Stamp(count: UInt32(truncatingIfNeeded: $0.count)) } }

  /// A key was changed.
  func changed(_ hash: Int) {
    state.withLock { state in
      state.count += 1
      state.changes[state.place(hash)] = state.count
    }
  }

  /// Changes of any keys may have been missed.
  func mayHaveMissed() {
    state.withLock { state in
      state.count += 1
      state.gap = state.count
    }
  }

  /// Whether a key has not been changed since, as far as is known.
  func isUnchanged(_ hash: Int, since stamp: Stamp) -> Bool {
    state.withLock { $0.changes[$0.place(hash)] <= $0.number(stamp) }
  }

  /// The same, where no change can have been missed either.
  func isSurelyUnchanged(_ hash: Int, since stamp: Stamp) -> Bool {
    state.withLock { max($0.changes[$0.place(hash)], $0.gap) <= $0.number(stamp) }
  }
}
