import Glibc

@_silgen_name("malloc_info") private func mallocInfo(_ options: Int32, _ stream: UnsafeMutablePointer<FILE>?) -> Int32

/// The allocator's own count of what is not free, from the totals at the end of `malloc_info`: system memory of the arenas and mapped
/// chunks, less what lies in free lists and tops.
func liveBytes() -> Int {
  var text: UnsafeMutablePointer<CChar>?
  var length = 0
  guard let stream = open_memstream(&text, &length), mallocInfo(0, stream) == 0 else { return 0 }
  fclose(stream)
  guard let text else { return 0 }
  defer { free(text) }
  let lines = String(cString: text).split(separator: "\n").suffix(10)
  func size(_ prefix: String) -> Int {
    guard let line = lines.first(where: { $0.hasPrefix(prefix) }),
      let quoted = line.components("size=\"").last
    else { return 0 }
    return Int(quoted.prefix { $0.isNumber }) ?? 0
  }
  return size("<system type=\"current\"") + size("<total type=\"mmap\"") - size("<total type=\"fast\"")
    - size("<total type=\"rest\"")
}

/// `liveBytes` when nothing changes any more: a cache describes itself in the background now and then, which takes memory for a moment and
/// keeps a cache that was just released for as long. At most five seconds.
func settledLiveBytes() -> Int {
  var last = liveBytes()
  for _ in 0..<100 {
    usleep(50_000)
    let now = liveBytes()
    if now == last { break }
    last = now
  }
  return last
}

extension Substring {
  /// Parts between occurrences of `separator`.
  func components(_ separator: String) -> [Substring] {
    var parts: [Substring] = []
    var rest = self
    while let range = rest.firstRange(of: separator) {
      parts.append(rest[..<range.lowerBound])
      rest = rest[range.upperBound...]
    }
    return parts + [rest]
  }
}
