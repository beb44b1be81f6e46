import Glibc

/// How children of this command start: no signal blocked, SIGPIPE and SIGXFSZ as programs know them. The command blocks the signals that it waits for and ignores
/// these, and both would be inherited.
enum SpawnAttributes {
  /// - Parameter flags: further flags of posix_spawnattr_setflags(3).
  static func resetSignals(_ attributes: inout posix_spawnattr_t, flags: Int32 = 0) {
    var none = sigset_t()
    var defaults = sigset_t()
    sigemptyset(&none)
    sigemptyset(&defaults)
    sigaddset(&defaults, SIGPIPE)
    sigaddset(&defaults, SIGXFSZ)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | flags))
  }
}
