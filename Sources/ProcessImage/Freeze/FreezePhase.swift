/// The steps of a freeze at which the tool may die. Tests kill it at each one; see `FreezeOptions.phaseHook`.
public enum FreezePhase: String, Sendable, CaseIterable {
  /// Nothing is attached yet.
  case prepared
  /// All threads are attached and still run.
  case seized
  /// All threads were asked to stop.
  case interrupted
  /// All threads are stopped; system calls that a stop would end with `EINTR` are not repaired yet.
  case stopped
  /// Registers are read and system calls are repaired.
  case repaired
  /// The frames are on the chosen thread's stack.
  case framesWritten
  /// The chosen thread's registers point to the injected call.
  case hijacked
  /// Its signals are blocked.
  case masked
  /// It runs the injected call.
  case running
  /// The copy exists; all threads are still stopped.
  case copied
  /// The copy is marked as the first to die when memory runs out.
  case marked
  /// The other threads run again.
  case othersReleased
  /// Everything runs again.
  case released
  /// The copy is killed when the tool dies.
  case bound
  /// The copy was killed; its zombie belongs to the target.
  case killed
  /// One thread was asked to stop for reaping.
  case reapInterrupted
  /// It is stopped and its frames are written.
  case reapFramesWritten
  /// Its registers point to the injected `wait4`.
  case reapHijacked
  /// Its signals are blocked.
  case reapMasked
  /// It was let go and reaps.
  case reapReleased
}
