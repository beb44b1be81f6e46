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

/// When it pays to return pages.
enum PageReturn {
  /// All in bytes.
  ///
  /// - Parameters:
  ///   - most: the most that the entries took since pages were last returned.
  ///   - entries: what they take now.
  ///   - pages: whole pages between them, as a sample says.
  static func pays(from most: UInt64, to entries: UInt64, pages: UInt64, limit: UInt64) -> Bool {
    let letGo = most - min(most, entries)
    if max(letGo, pages) >= limit / 8, max(letGo, pages) >= 16 << 20 { return true }
    // Few entries hold many pages: one of some dozen neighbours is enough. They come free when those few go.
    return letGo >= 4 << 20 && entries <= most / 2
  }
}
