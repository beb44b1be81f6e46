#if Redis
  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #elseif canImport(Darwin)
    import Darwin
  #endif

  /// Wakes a thread out of `poll`: a pipe whose content does not matter.
  final class WakeSignal: Sendable {
    let readable: Int32
    private let writable: Int32

    /// Without a pipe (no descriptors are left) the thread wakes by time alone.
    init() {
      var ends: [Int32] = [-1, -1]
      if pipe(&ends) == 0 {
        for end in ends {
          _ = fcntl(end, F_SETFL, O_NONBLOCK)
          _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
      }
      (readable, writable) = (ends[0], ends[1])
    }

    deinit {
      if readable >= 0 { close(readable) }
      if writable >= 0 { close(writable) }
    }

    func wake() {
      var byte: UInt8 = 1
      // A full pipe wakes as well.
      _ = write(writable, &byte, 1)
    }

    func clear() {
      var bytes: [UInt8] = Array(repeating: 0, count: 64)
      while read(readable, &bytes, bytes.count) == bytes.count {}
    }
  }
#endif
