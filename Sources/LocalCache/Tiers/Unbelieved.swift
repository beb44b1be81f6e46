/// Keys of which the remote tier is not to be believed: those that this process is writing now, and those whose removal it has not heard of.
///
/// Whoever reads takes the stamp of a key first and looks here second; whoever writes enters the key first and changes its stamp second. So a reader
/// either finds the key here, or what he brings is dropped because its stamp has changed.
final class Unbelieved<Key: Hashable & Sendable>: Sendable {
  private struct State {
    var removals: Set<Key> = []
    /// Writes on their way. No message of the tier tells of own ones.
    var writes: [Key: Int] = [:]
  }
  private let state = Guarded(State())
  /// Removals that are remembered.
  private static var maximum: Int { 4096 }

  func contains(_ key: Key) -> Bool {
    state.withLock { state in
      !state.removals.isEmpty && state.removals.contains(key) || !state.writes.isEmpty && state.writes[key] != nil
    }
  }

  // MARK: Writes

  func writeBegins(_ key: Key) { state.withLock { $0.writes[key, default: 0] += 1 } }

  func writeEnds(_ key: Key) {
    state.withLock { state in
      guard let count = state.writes[key] else { return }
      state.writes[key] = count > 1 ? count - 1 : nil
    }
  }

  // MARK: Removals that the tier has not heard of

  var removalCount: Int { state.withLock { $0.removals.count } }
  var removals: [Key] { state.withLock { Array($0.removals) } }
  func isRemovalPending(_ key: Key) -> Bool { state.withLock { $0.removals.contains(key) } }
  func removalBegins(_ key: Key) {
    state.withLock { if $0.removals.count < Self.maximum { $0.removals.insert(key) } }
  }
  /// The tier has heard of it, or of a new value.
  func removalEnds(_ key: Key) { state.withLock { if !$0.removals.isEmpty { $0.removals.remove(key) } } }
}
