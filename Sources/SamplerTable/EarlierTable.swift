import Glibc
import Measurement
import ProcessImage

/// What is at the place of a new table already: in a container that was restarted, the table of the life before, whose name and process ids were the same.
///
/// That a program starts again must not fail for it, and what it says of the end of that life must not be lost: it is kept beside the new one, in
/// place of the one before it. More would fill the memory that the container needs.
enum EarlierTable {
  /// After the name of a table, that of the life before.
  static let ending = ".previous"

  /// Moves a table at `path` aside that nobody uses; removes a file to which nobody has written. Leaves alone whatever else is there.
  ///
  /// - Returns: where the earlier table is now; nil where there was none.
  /// - Throws: `inUse` where a process that runs has it.
  static func moveAside(_ path: String) throws(SamplerTableError) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    var magic: UInt64 = 0
    guard pread(file, &magic, 8, 0) == 8 || status.st_size == 0 else { return nil }
    let isTable = UInt64(littleEndian: magic) == TableLayout.magic
    guard isTable || isUnwritten(file, size: Int(clamping: status.st_size)) else { return nil }
    // `memwhy run` holds its table locked. Where locks are not to be had, the process that has it mapped is the only sign.
    if flock(file, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK { throw .inUse(path: path) }
    if isTable, isMapped(file, status) { throw .inUse(path: path) }
    var now = stat()
    // Somebody else has been here meanwhile.
    guard lstat(path, &now) == 0, now.st_ino == status.st_ino, now.st_dev == status.st_dev else {
      throw .inUse(path: path)
    }
    guard isTable else {
      unlink(path)
      return nil
    }
    guard rename(path, path + ending) == 0 else { return nil }
    moveFollowed(path, size: UInt64(clamping: status.st_size))
    return path + ending
  }

  /// Whether a file may be a table that no process has begun to use: all of it is zero. What only begins so may be somebody's, as images of disks
  /// are. O(size) at worst.
  private static func isUnwritten(_ file: Int32, size: Int) -> Bool {
    if size == 0 { return true }
    guard size > 0, SamplerSettings.tableSizes.contains(ByteCount(size)) else { return false }
    let zeros = [UInt8](repeating: 0, count: 1 << 20)
    var piece = zeros
    var offset = 0
    while offset < size {
      let count = pread(file, &piece, piece.count, off_t(offset))
      guard count > 0, memcmp(piece, zeros, count) == 0 else { return false }
      offset += count
    }
    return true
  }

  /// The process whose table it is has it mapped.
  private static func isMapped(_ file: Int32, _ status: stat) -> Bool {
    var pid: Int32 = 0
    guard pread(file, &pid, 4, off_t(TableLayout.Header.pid)) == 4, pid > 0 else { return false }
    return ((try? Procfs.mappings(of: Int32(littleEndian: pid))) ?? []).contains {
      $0.inode == UInt64(status.st_ino) && $0.permissions.contains(.shared) && $0.size == UInt64(status.st_size)
    }
  }

  /// Tables of the processes that were started in that life go with its own, where they leave the new ones half of the room.
  private static func moveFollowed(_ path: String, size: UInt64) {
    let folder = path.folder + "/"
    for entry in TableFile.followed(path + ending) { unlink(folder + entry) }
    let followed = TableFile.followed(path)
    let isMuch = UInt64(followed.count) &* size > SamplerSettings.mostFollowed.bytes / 2
    for entry in followed {
      let process = entry.split(separator: ".").last ?? ""
      if isMuch || rename(folder + entry, "\(path)\(ending).\(process)") != 0 { unlink(folder + entry) }
    }
  }
}
