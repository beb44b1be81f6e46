/// How far a freeze may go. Times in nanoseconds, sizes in bytes.
public struct FreezeOptions: Sendable {
  /// Time to get all threads stopped before the attempt is given up and everything is let go again.
  public var stopBudget: UInt64 = 50_000_000
  /// Attempts to stop all threads.
  public var attempts = 8
  /// Pause between two attempts.
  public var retryDelay: UInt64 = 150_000_000
  /// Memory that the target may spend on copies of pages it writes to while the frozen copy lives; nil: 5 % of its resident
  /// memory, at least 8 and at most 64 MiB. The copy is given up when three quarters of it are spent.
  public var copyBudget: UInt64?
  /// Largest amount of memory that `--freeze stop` may copy into the tool.
  public var copyLimit: UInt64 = 1 << 30
  /// Go ahead under a seccomp filter that may not be examined. A filter that kills on `clone` would kill the target.
  public var allowsUnknownSeccompFilter = false
  /// Called once with the predicted pause in nanoseconds, after the guards have let it pass and before anything is stopped.
  public var announce: (@Sendable (_ predictedPause: UInt64) -> Void)?
  /// Called on the tracing thread after each step. Tests die, wait or stop in it; the product never sets it.
  public var phaseHook: (@Sendable (FreezePhase) -> Void)?

  public init() {}
}
