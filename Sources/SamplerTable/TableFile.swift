import CLinux
import Glibc
import ProcessImage

/// A new, empty table: a file whose room is reserved, or memory where no folder has room.
public struct TableFile: Sendable {
  /// nil where it is memory only, which goes with the last process that has it open.
  public private(set) var path: String?
  public let descriptor: Int32
  public let size: Int

  /// Folders for tables, best first: memory that survives the process, then disks.
  public static var folders: [String] {
    let wished = getenv("TMPDIR").map { String(cString: $0) }
    return ["/dev/shm", wished, "/tmp", "."].compactMap { $0 }
  }

  /// - Parameters:
  ///   - path: where; nil for the first of `folders` that has room.
  ///   - name: of the file, in these folders.
  public init(path: String?, name: String, size: Int) throws(SamplerTableError) {
    self.size = size
    // Beyond the limit the kernel would end the program with SIGXFSZ.
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0, UInt64(clamping: size) > limit.rlim_cur {
      throw .cannotCreate(path: path ?? name, code: EFBIG)
    }
    if let path {
      descriptor = try Self.make(path, size)
      self.path = path
      return
    }
    for folder in Self.folders {
      let candidate = "\(folder)/\(name)"
      guard let made = try? Self.make(candidate, size) else { continue }
      descriptor = made
      self.path = candidate
      return
    }
    let memory = memwhy_memory_file("memwhy-sampler-table")
    guard memory >= 0, ftruncate(memory, off_t(size)) == 0 else {
      if memory >= 0 { close(memory) }
      throw .cannotCreate(path: "memory", code: errno)
    }
    descriptor = memory
    self.path = nil
  }

  /// Reserves all its room: a disk that fills up later must not end the process with SIGBUS.
  private static func make(_ path: String, _ size: Int) throws(SamplerTableError) -> Int32 {
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .cannotCreate(path: path, code: errno) }
    let code = posix_fallocate(descriptor, 0, off_t(size))
    guard code == 0 else {
      unlink(path)
      close(descriptor)
      throw .cannotCreate(path: path, code: code)
    }
    return descriptor
  }

  /// Gives the file another name in its folder, unless there is one of that name.
  public mutating func rename(to name: String) {
    guard let path else { return }
    let wished = "\(path.folder)/\(name)"
    guard link(path, wished) == 0 else { return }
    unlink(path)
    self.path = wished
  }
}
