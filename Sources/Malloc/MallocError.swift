/// Why a heap could not be walked.
public enum MallocError: Error, Hashable, Sendable, CustomStringConvertible {
  /// No allocator was recognised; the text says what was seen instead.
  case unknownAllocator(String)

  public var description: String {
    switch self {
    case .unknownAllocator(let hint):
      "the allocator was not recognised (\(hint)); types can be counted, leaks cannot be judged: try `memwhy heap`"
    }
  }
}
