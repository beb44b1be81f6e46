/// Why a heap could not be walked.
public enum MallocError: Error, Hashable, Sendable, CustomStringConvertible {
  /// No allocator was recognised; the text says what was seen instead.
  case unknownAllocator(String)
  /// Not one of these bytes of memory could be read.
  case unreadable(UInt64)

  public var description: String {
    switch self {
    case .unknownAllocator(let hint):
      "the allocator was not recognised (\(hint)); types can be counted, leaks cannot be judged: try `memwhy heap`"
    case .unreadable(let bytes):
      "none of the \(bytes) bytes of memory in which a heap may be could be read"
    }
  }
}
