/// Resident memory of a process, put to what holds it. Every byte is in exactly one row; the sum is the resident set.
public struct ResidentBooks: Codable, Sendable, Hashable {
  /// Who holds a part of resident memory.
  public enum Holder: String, Codable, Sendable, Hashable, CaseIterable {
    /// Live blocks with a Swift type.
    case swiftObjects
    /// Live blocks without one.
    case nativeBlocks
    /// Memory that the allocator keeps and nobody uses: bins, thread caches, tops.
    case allocatorFree
    /// The allocator's headers, and what it rounds up.
    case allocatorOverhead
    /// Stacks of threads, those of ended threads that are kept for reuse included.
    case stacks
    /// Writable data of the program and its libraries.
    case moduleData
    /// Pages of mapped files: code, read-only data, mapped data files.
    case files
    /// Shared memory, tmpfs files and memfd.
    case shared
    /// Anonymous memory that neither the allocator nor a stack nor a module owns.
    case mappings
    /// What no row takes.
    case unexplained

    /// For tables.
    public var title: String {
      switch self {
      case .swiftObjects: "live Swift objects"
      case .nativeBlocks: "live native blocks"
      case .allocatorFree: "free, kept by the allocator"
      case .allocatorOverhead: "allocator's own"
      case .stacks: "thread stacks"
      case .moduleData: "data of program and libraries"
      case .files: "mapped files and code"
      case .shared: "shared memory and tmpfs"
      case .mappings: "anonymous mappings"
      case .unexplained: "unexplained"
      }
    }
  }

  /// Bytes by holder; absent is zero. `unexplained` may be negative: more was counted than is resident.
  public var rows: [String: Int64]
  /// Resident set in bytes, the sum of all mappings.
  public var resident: UInt64
  /// Resident pages of the heap that `malloc_trim(0)` would give back. nil where pages were not looked at.
  public var trimmable: UInt64?
  /// What `malloc_trim(0)` gave back when it was run in the copy. nil where it was not tried.
  public var trimmed: UInt64?
  /// Resident pages at the ends of threads' arenas: free, and not given back by `malloc_trim`. nil as above.
  public var threadTops: UInt64?
  /// Resident bytes of the largest anonymous mappings outside malloc.
  public var largestMappings: [UInt64]
  /// Where these start; absent in older captures.
  public var mappingStarts: [UInt64]?

  public init(
    rows: [Holder: Int64], resident: UInt64, trimmable: UInt64? = nil, threadTops: UInt64? = nil,
    largestMappings: [UInt64] = []
  ) {
    self.rows = Dictionary(uniqueKeysWithValues: rows.filter { $0.value != 0 }.map { ($0.key.rawValue, $0.value) })
    self.resident = resident
    self.trimmable = trimmable
    self.threadTops = threadTops
    self.largestMappings = largestMappings
  }

  public subscript(holder: Holder) -> Int64 { rows[holder.rawValue] ?? 0 }

  /// |unexplained| is within 2 % of the whole and 4 MiB, whichever is more.
  public var isClosed: Bool {
    Double(abs(self[.unexplained])) <= max(Double(resident) * 0.02, 4 * 1_048_576)
  }
}
