#if canImport(Glibc)
  import Glibc
#endif

/// Returning free pages of malloc to the system, at most once in a while for the whole process.
enum HeapTrim {
  private static let times = RateLimit(seconds: 10)

  /// glibc's `malloc_trim`, where there is one. Looked up by name: the module of the C library does not declare it.
  private static let function: (@convention(c) (Int) -> Int32)? = {
    #if canImport(Glibc)
      guard GlibcChunk.isUsed, let symbol = dlsym(nil, "malloc_trim") else { return nil }
      return unsafeBitCast(symbol, to: (@convention(c) (Int) -> Int32).self)
    #else
      return nil
    #endif
  }()

  /// Whether it was done: not where it cannot be, nor within ten seconds of the last time.
  @discardableResult
  static func run() -> Bool {
    guard let function, times.begin() else { return false }
    _ = function(0)
    return true
  }
}
