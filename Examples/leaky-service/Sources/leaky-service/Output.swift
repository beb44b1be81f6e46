#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

enum Output {
  /// Standard output is fully buffered where it is a file.
  static func flush() { fflush(nil) }
}
