import Glibc
import ProcessImage
import Synchronization

/// Raised by a signal; a sleeping loop wakes at once.
final class StopFlag: Sendable {
  private let raised = Atomic(false)
  /// Read and write end; negative where there is none, then waking takes until the next look.
  private let ends: (read: Int32, write: Int32)

  init() {
    var pair: [Int32] = [-1, -1]
    if pipe(&pair) == 0 {
      for end in pair { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    }
    ends = (pair[0], pair[1])
  }

  var isRaised: Bool { raised.load(ordering: .relaxed) }

  func raise() {
    raised.store(true, ordering: .relaxed)
    var byte: UInt8 = 1
    _ = write(ends.write, &byte, 1)
  }

  /// Sleeps at most this many nanoseconds.
  func wait(_ nanoseconds: UInt64) {
    let deadline = Clocks.monotonic &+ nanoseconds
    while !isRaised {
      let now = Clocks.monotonic
      guard now < deadline else { return }
      let milliseconds = min((deadline - now) / 1_000_000, 1_000_000_000)
      if milliseconds == 0 {
        Clocks.sleep(deadline - now)
        return
      }
      // A negative descriptor is ignored: then this only sleeps.
      var entry = pollfd(fd: ends.read, events: Int16(POLLIN), revents: 0)
      _ = poll(&entry, 1, Int32(milliseconds))
    }
  }

  deinit { for end in [ends.read, ends.write] where end >= 0 { close(end) } }
}
