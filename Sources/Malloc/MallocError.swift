/// Why a heap could not be walked.
public enum MallocError: Error, Hashable, Sendable, CustomStringConvertible {
  /// No allocator was recognised.
  case unknownAllocator(String)
  /// The heap's structures contradict each other at `address`.
  case torn(address: UInt64, String)
  /// The image ended half-way.
  case memory(String)

  public var description: String {
    switch self {
    case .unknownAllocator(let hint):
      "the allocator was not recognised (\(hint)); types can be counted, leaks cannot be judged"
    case .torn(let address, let what):
      "the heap is inconsistent at 0x\(String(address, radix: 16)): \(what); a thread may have been caught inside malloc, try again"
    case .memory(let what): "the heap could not be read: \(what)"
    }
  }
}
