#if Redis
  import Synchronization

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #elseif canImport(Darwin)
    import Darwin
  #endif

  /// Wakes a thread out of `poll`: a pipe whose content does not matter.
  ///
  /// A process may have no descriptors left when it is made. Then the thread wakes by time alone, and tries again each time.
  final class WakeSignal: Sendable {
    /// The thread's end, and the other one; -1 before there is a pipe. Set once, by the thread that waits.
    private let readable = Atomic<Int32>(-1)
    private let writable = Atomic<Int32>(-1)

    /// The longest time for which the thread does not hear of anything while there is no pipe.
    private static let longestDeafness = Duration.milliseconds(50)

    deinit {
      for end in [readable.load(ordering: .acquiring), writable.load(ordering: .acquiring)] where end >= 0 {
        close(end)
      }
    }

    /// What the thread gives to `poll`, and for how many milliseconds at most, if it wants to wait so long. For that thread only.
    func poll(for longest: Duration) -> (entry: pollfd, milliseconds: Int32) {
      openIfMissing()
      let end = readable.load(ordering: .relaxed)
      let wait = end >= 0 ? longest : min(longest, Self.longestDeafness)
      return (pollfd(fd: end, events: Int16(POLLIN), revents: 0), wait.pollMilliseconds)
    }

    private func openIfMissing() {
      guard readable.load(ordering: .relaxed) < 0 else { return }
      var ends: [Int32] = [-1, -1]
      guard pipe(&ends) == 0 else { return }
      for end in ends {
        _ = fcntl(end, F_SETFL, O_NONBLOCK)
        _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      }
      // Who put something into the mailbox before this found no pipe: the thread is to look there before it waits.
      var byte: UInt8 = 1
      _ = write(ends[1], &byte, 1)
      readable.store(ends[0], ordering: .relaxed)
      writable.store(ends[1], ordering: .releasing)
    }

    func wake() {
      let end = writable.load(ordering: .acquiring)
      guard end >= 0 else { return }
      var byte: UInt8 = 1
      // A full pipe wakes as well.
      _ = write(end, &byte, 1)
    }

    func clear() {
      let end = readable.load(ordering: .relaxed)
      guard end >= 0 else { return }
      var bytes: [UInt8] = Array(repeating: 0, count: 64)
      while read(end, &bytes, bytes.count) == bytes.count {}
    }
  }
#endif
