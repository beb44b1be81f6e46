/// One line of `/proc/PID/maps`, or one `PT_LOAD` of a core file.
public struct Mapping: Sendable, Hashable {
  /// What the process may do with the memory, as in the second column of `/proc/PID/maps`.
  public struct Permissions: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let read = Permissions(rawValue: 1)
    public static let write = Permissions(rawValue: 2)
    public static let execute = Permissions(rawValue: 4)
    public static let shared = Permissions(rawValue: 8)
  }

  /// First byte, and one past the last byte.
  public var start, end: UInt64
  public var permissions: Permissions
  /// Offset in the file, in bytes.
  public var fileOffset: UInt64
  /// Inode of the mapped file; 0 for anonymous memory.
  public var inode: UInt64
  /// Path as the target sees it, `[heap]`, `[stack]`, `[anon:…]`, or empty for anonymous memory. Without " (deleted)".
  public var path: String
  /// The kernel marked the file as deleted (or replaced) since it was mapped.
  public var isDeleted: Bool

  public init(
    start: UInt64, end: UInt64, permissions: Permissions, fileOffset: UInt64 = 0, inode: UInt64 = 0,
    path: String = "", isDeleted: Bool = false
  ) {
    self.start = start
    self.end = end
    self.permissions = permissions
    self.fileOffset = fileOffset
    self.inode = inode
    self.path = path
    self.isDeleted = isDeleted
  }

  /// Size in bytes.
  public var size: UInt64 { end - start }
  /// Memory of a file, with a path in the file system.
  public var isFile: Bool { path.hasPrefix("/") }
  /// A file that is memory itself, whoever maps it. `/dev/zero` is what the kernel calls shared anonymous memory.
  package var isMemoryFile: Bool {
    ["/dev/shm/", "/memfd:", "/SYSV", "/dev/zero"].contains { path.hasPrefix($0) }
  }
  /// Private anonymous memory: `malloc`'s arenas, stacks, `[heap]`, bss.
  public var isAnonymous: Bool { !isFile && !permissions.contains(.shared) && !isKernel }
  /// `[vdso]`, `[vvar]`, `[vsyscall]` and the like: never roots, sometimes unreadable.
  public var isKernel: Bool { path.hasPrefix("[v") || path.hasPrefix("[uprobes") }
  /// Private and writable: the only memory that can hold roots or heap.
  public var isWritablePrivate: Bool {
    permissions.contains(.write) && permissions.contains(.read) && !permissions.contains(.shared) && !isKernel
  }
  /// Private and read-only, neither code nor the kernel's: where a module's header says writable, it has been written and then protected.
  var isProtected: Bool { permissions == .read && !isKernel }
  /// The address is one of its own.
  public func contains(_ address: UInt64) -> Bool { address >= start && address < end }
}

extension [Mapping] {
  /// The mapping that holds `address`, in an array sorted by address. O(log n).
  public func containing(_ address: UInt64) -> Mapping? {
    indexContaining(address).map { self[$0] }
  }

  /// Index of the mapping that holds `address`, in an array sorted by address. O(log n).
  func indexContaining(_ address: UInt64) -> Int? {
    let index = partitionIndex { $0.end <= address }
    return index < count && self[index].start <= address ? index : nil
  }
}
