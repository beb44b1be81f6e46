/// A loaded ELF file: the main executable or a shared library.
public struct Module: Sendable, Hashable {
  /// Path as the target sees it.
  public var path: String
  /// Difference between run-time addresses and the file's virtual addresses (the load bias).
  public var bias: UInt64
  /// Lowest and one past the highest mapped address, bss included.
  public var start, end: UInt64
  /// Writable private parts: `.data` and, right behind it, the anonymous `.bss`. Roots live here.
  public var writableRanges: [Range<UInt64>]
  /// What was written and then made read-only: the loader's RELRO, and whatever the program protects. A static program keeps pointers of its own
  /// start there.
  public var protectedRanges: [Range<UInt64>]
  /// The GNU build id as lower-case hex, from the memory of the image.
  public var buildID: String?
  /// The file behind it was deleted or replaced after loading.
  public var isDeleted: Bool

  public init(
    path: String, bias: UInt64, start: UInt64, end: UInt64, writableRanges: [Range<UInt64>],
    protectedRanges: [Range<UInt64>] = [], buildID: String? = nil, isDeleted: Bool = false
  ) {
    self.path = path
    self.bias = bias
    self.start = start
    self.end = end
    self.writableRanges = writableRanges
    self.protectedRanges = protectedRanges
    self.buildID = buildID
    self.isDeleted = isDeleted
  }

  /// File name without its folders.
  public var name: String { path.fileName ?? "" }
}

extension [Module] {
  /// The module that has `address`, its data included. O(modules).
  public func containing(_ address: UInt64) -> Module? { indexContaining(address).map { self[$0] } }

  /// Index of the module that has `address`. O(modules).
  public func indexContaining(_ address: UInt64) -> Int? { firstIndex { $0.start <= address && address < $0.end } }
}

/// Opens the files of an image's modules. Symbol tables are not mapped at run time, so they come from the file.
public protocol ModuleFiles: Sendable {
  /// The bytes of the module's file, or nil where it cannot be had (deleted and unreachable, no permission).
  /// A live process answers through its own root (`/proc/PID/root`) or `/proc/PID/map_files`.
  func open(_ module: Module) -> (any FileBytes)?
}

/// Random access to a file's bytes.
public protocol FileBytes: Sendable {
  var count: Int { get }
  /// Up to `count` bytes from `offset`; fewer at the end of the file; empty where nothing can be read.
  func bytes(at offset: Int, count: Int) -> [UInt8]
}

/// No files at all: a stripped-down image in a test.
public struct NoModuleFiles: ModuleFiles {
  public init() {}
  public func open(_ module: Module) -> (any FileBytes)? { nil }
}
