import Synchronization

/// Counts the changes of keys, so that a load knows when it has finished whether what it brings is out of date already.
///
/// Keys share counters: a load that meets a change of another key in its counter is not kept, which costs a miss and no more.
final class InvalidationStamps: Sendable {
  /// What was counted when somebody looked. Compared within the time of a load only, so that small numbers, which wrap, do.
  struct Stamp: Sendable, Equatable {
    /// Known changes.
    var changes: UInt16
    /// Times that changes may have been missed.
    var gaps: UInt16
  }

  private struct State {
    var changes: [UInt16]
    var gaps: UInt16 = 0
  }
  private let state: Mutex<State>

  init(count: Int = 1024) { state = Mutex(State(changes: Array(repeating: 0, count: max(1, count)))) }

  func stamp(of hash: Int) -> Stamp {
    state.withLock { state in
      Stamp(changes: state.changes[Int(UInt(bitPattern: hash) % UInt(state.changes.count))], gaps: state.gaps)
    }
  }

  func changed(_ hash: Int) {
    state.withLock { state in state.changes[Int(UInt(bitPattern: hash) % UInt(state.changes.count))] &+= 1 }
  }

  func mayHaveMissed() { state.withLock { $0.gaps &+= 1 } }
}
