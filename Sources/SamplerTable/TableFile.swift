import CLinux
import Glibc
import ProcessImage

/// A new, empty table: a file whose room is reserved, or memory where no folder has room.
public struct TableFile: Sendable {
  /// nil where it is memory only, which goes with the last process that has it open.
  public private(set) var path: String?
  public let descriptor: Int32
  public let size: Int
  /// Where the table of an earlier life with this one's name is now; nil where there was none.
  public private(set) var earlier: String?

  /// Folders for tables, best first: memory that survives the process, then disks.
  public static var folders: [String] {
    let wished = getenv("TMPDIR").map { String(cString: $0) }
    return ["/dev/shm", wished, "/tmp", "."].compactMap { $0 }
  }

  /// The table of an earlier life at the same place is kept beside it, as FILE.previous.
  ///
  /// - Parameters:
  ///   - path: where; nil for the first of `folders` that has room.
  ///   - name: of the file, in these folders.
  /// - Throws: `cannotCreate`; `inUse` where a process that runs has its table there.
  public init(path: String?, name: String, size: Int) throws(SamplerTableError) {
    self.size = size
    // Beyond the limit the kernel would end the program with SIGXFSZ.
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0, UInt64(clamping: size) > limit.rlim_cur {
      throw .cannotCreate(path: path ?? name, code: EFBIG)
    }
    if let path {
      let earlier = try EarlierTable.moveAside(path)
      do throws(SamplerTableError) {
        descriptor = try Self.make(path, size)
      } catch {
        // The program is to start; what there was of the life before goes first.
        guard case .cannotCreate(_, ENOSPC) = error, let earlier else { throw error }
        unlink(earlier)
        descriptor = try Self.make(path, size)
      }
      self.path = path
      self.earlier = access(earlier ?? "", F_OK) == 0 ? earlier : nil
      return
    }
    for folder in Self.folders {
      let candidate = "\(folder)/\(name)"
      do throws(SamplerTableError) {
        earlier = try EarlierTable.moveAside(candidate)
        descriptor = try Self.make(candidate, size)
      } catch { continue }
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
    // Says that it is in use, to those in other containers too who see the file and not its process. Some file systems have no locks.
    flock(descriptor, LOCK_EX | LOCK_NB)
    return descriptor
  }

  /// Names of the tables beside one of processes that its program has started: `FILE.PID`.
  public static func followed(_ path: String) -> [String] {
    let name = (path.fileName ?? "") + "."
    return ((try? folderEntries(path.folder)) ?? []).filter {
      $0.hasPrefix(name) && Int32($0.dropFirst(name.count)) != nil
    }
  }

  /// Gives the file the first of these names in its folder that no process in use has. The table of an earlier life makes room for it.
  public mutating func rename(to names: [String]) {
    guard let path else { return }
    for name in names {
      let wished = "\(path.folder)/\(name)"
      do throws(SamplerTableError) {
        if let moved = try EarlierTable.moveAside(wished) { earlier = moved }
      } catch { continue }
      guard link(path, wished) == 0 else { continue }
      unlink(path)
      self.path = wished
      return
    }
  }
}
