/// When to stop asking a tier that does not answer.
public struct BreakerSettings: Sendable, Hashable {
  /// So many calls without an answer open the breaker. Five answers make up for one such call, so that a tier which fails one call of six, or
  /// more, is not asked for long either. Refusals are answers.
  public var failures = 5
  /// Time until the first attempt to find the tier again; doubles with each that fails, and varies by a quarter at random.
  public var pause: Duration = .milliseconds(500)
  /// The longest pause.
  public var longestPause: Duration = .seconds(5)

  /// The defaults above.
  public init() {}
}

/// A circuit breaker: closed while the tier answers; open when it does not, and then nobody asks it but one probe after each pause.
final class CircuitBreaker: Sendable {
  enum Permit: Equatable {
    /// Ask the tier.
    case ask
    /// Do not ask it.
    case skip
    /// Do not ask it, but send a probe in the background.
    case skipAndProbe
  }

  private struct State {
    /// Five for each call without an answer, less one for each answer.
    var debt = 0
    var pauses = 0
    var isOpen = false
    var isProbing = false
    var probeAt = ContinuousClock.now
  }

  private let settings: BreakerSettings
  private let state = Guarded(State())

  init(_ settings: BreakerSettings) { self.settings = settings }

  var isOpen: Bool { state.withLock { $0.isOpen } }

  func permit(at now: ContinuousClock.Instant = .now) -> Permit {
    state.withLock { state in
      guard state.isOpen else { return .ask }
      guard !state.isProbing, now >= state.probeAt else { return .skip }
      state.isProbing = true
      return .skipAndProbe
    }
  }

  /// The tier answered. Returns whether the breaker closed by it.
  @discardableResult
  func succeeded() -> Bool {
    state.withLock { state in
      let closes = state.isOpen
      state.debt = closes ? 0 : max(0, state.debt - 1)
      state.pauses = 0
      state.isOpen = false
      state.isProbing = false
      return closes
    }
  }

  /// The tier did not answer. Answers that come from calls that began before the breaker opened do not lengthen the pause.
  func failed(isProbe: Bool = false, at now: ContinuousClock.Instant = .now) {
    state.withLock { state in
      if state.isOpen {
        guard isProbe else { return }
      } else {
        state.debt += 5
        guard state.debt >= 5 * min(max(1, settings.failures), 1 << 30) else { return }
      }
      state.isOpen = true
      state.isProbing = false
      let factor = Double(1 << min(state.pauses, 20)) * Double.random(in: 0.75...1.25)
      state.probeAt = now + min(settings.pause.reckonable * factor, settings.longestPause.reckonable)
      state.pauses += 1
    }
  }
}
