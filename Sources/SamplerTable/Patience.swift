import Glibc

/// How often records that change are read again before they are left out: one by one, and all together. A table whose writers died in the
/// middle of thousands of records would be waited for by the hour.
struct Patience {
  /// Of one record: 0.1 s and more.
  private static let mostAttempts = 400
  /// Attempts after which a writer has lost its processor in the middle and needs time to get it back.
  private static let hurried = 200
  /// Microseconds.
  private static let pause: UInt32 = 500

  /// Of one reading, some seconds in all.
  private var attemptsLeft = 200_000
  private var pausesLeft = 4_000

  /// Waits before the attempt with this number, counted from 0, where it needs to.
  ///
  /// - Returns: whether it may be made. The first one always may.
  mutating func allows(_ attempt: Int) -> Bool {
    guard attempt > 0 else { return true }
    guard attempt < Self.mostAttempts, attemptsLeft > 0 else { return false }
    attemptsLeft -= 1
    guard attempt > Self.hurried else { return true }
    guard pausesLeft > 0 else { return false }
    pausesLeft -= 1
    usleep(Self.pause)
    return true
  }
}
