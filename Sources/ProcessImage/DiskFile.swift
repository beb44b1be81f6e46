import CLinux
import Glibc

/// A regular file, read piece by piece.
///
/// Reads with `pread`: a mapping of a file that somebody truncates would kill this process with SIGBUS.
public final class DiskFile: FileBytes {
  private let descriptor: Descriptor
  /// Size in bytes when it was opened.
  public let count: Int
  /// Inode number, to compare with a mapping's.
  public let inode: UInt64

  /// - Throws: `cannotRead` where it cannot be opened or is no regular file.
  public convenience init(path: String) throws(ProcessImageError) {
    do throws(SystemError) {
      try self.init(Descriptor(reading: path))
    } catch {
      throw .cannotRead(path: path, code: error.code)
    }
  }

  init(_ descriptor: Descriptor) throws(SystemError) {
    var status = stat()
    guard fstat(descriptor.number, &status) == 0 else { throw SystemError(code: errno) }
    // A target could put a FIFO or a device where its module was.
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw SystemError(code: EISDIR)
    default: throw SystemError(code: EINVAL)
    }
    self.descriptor = descriptor
    count = Int(clamping: status.st_size)
    inode = UInt64(status.st_ino)
  }

  public func bytes(at offset: Int, count: Int) -> [UInt8] {
    guard offset >= 0, count > 0, offset < self.count else { return [] }
    let length = min(count, self.count - offset)
    return [UInt8](unsafeUninitializedCapacity: length) { buffer, initialized in
      initialized = (try? descriptor.read(at: UInt64(offset), into: UnsafeMutableRawBufferPointer(buffer))) ?? 0
    }
  }

  /// Fills `buffer` from `offset`; returns the number of bytes that the file had.
  public func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
    (try? descriptor.read(at: offset, into: buffer)) ?? 0
  }

  /// Where the next bytes are that the file system keeps, from `offset` on; before that the file is a hole, which reads as zeros. The file's size
  /// where nothing follows; nil beyond it, and where the file system does not say.
  func dataOffset(from offset: UInt64) -> UInt64? {
    guard offset < UInt64(count), let start = off_t(exactly: offset) else { return nil }
    let found = lseek(descriptor.number, start, Int32(clinux_seek_data))
    if found >= start { return min(UInt64(found), UInt64(count)) }
    return found < 0 && errno == ENXIO ? UInt64(count) : nil
  }
}

/// A file's bytes that are already in memory.
public struct MemoryFile: FileBytes {
  private let content: [UInt8]

  public init(_ content: [UInt8]) { self.content = content }
  public var count: Int { content.count }

  public func bytes(at offset: Int, count: Int) -> [UInt8] {
    guard offset >= 0, count > 0, offset < content.count else { return [] }
    return Array(content[offset..<offset + min(count, content.count - offset)])
  }
}
