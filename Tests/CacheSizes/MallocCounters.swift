#if canImport(Glibc)
  import Glibc
#endif

/// What malloc says of the whole process.
struct MallocCounters {
  /// Bytes in use, mappings of their own among them.
  let inUse: Int
  /// Bytes that are free and not returned.
  let free: Int

  /// `mallinfo2` is not in the C library's module, so it is looked up by name; the struct has ten words, `uordblks` the eighth, `fordblks` the ninth and
  /// `hblkhd` the fifth. Nil where there is none.
  static var now: MallocCounters? {
    guard let symbol = dlsym(nil, "mallinfo2") else { return nil }
    // A struct of this size is returned through a pointer in the first argument, which is what a C function with an out-parameter does.
    let function = unsafeBitCast(
      symbol, to: (@convention(c) (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer?).self)
    var words = [Int](repeating: 0, count: 10)
    _ = function(&words)
    return MallocCounters(inUse: words[7] + words[4], free: words[8])
  }
}
