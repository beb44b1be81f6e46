import GRDB
import Glibc
import ProcessImage

/// Places where nothing can be written: a disk that is read-only, another user's folder.
extension History {
  /// What the system says where SQLite says only "unable to open database file" or "attempt to write a readonly database"; nil where it is
  /// something else that hinders.
  static func refusal(_ error: any Error, path: String) -> String? {
    guard let error = error as? DatabaseError,
      [.SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM].contains(error.resultCode)
    else { return nil }
    if access(path, F_OK) == 0, access(path, R_OK | W_OK) != 0 { return systemMessage(errno) }
    // Folders that are missing would have been made.
    var folder = path.folder
    while access(folder, F_OK) != 0, errno == ENOENT, folder != "/", folder != "." { folder = folder.folder }
    return access(folder, W_OK | X_OK) == 0 ? nil : "no file can be made in \(folder): \(systemMessage(errno))"
  }

  /// A copy to read: SQLite keeps the index of the log beside the file, also for who only reads, and here it cannot. Nobody else can write either,
  /// or the index would be there. O(size); nothing of the copy is left.
  ///
  /// - Throws: `cannotOpen`, and what opening it does.
  static func copied(_ path: String) throws(TimelineError) -> History {
    let base = String.temporaryFolder
    var template = Array("\(base)/memwhy-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw .cannotOpen(
        path: path,
        reason: "it can only be read as a copy, and none can be made in \(base): \(systemMessage(errno)); set TMPDIR")
    }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let copy = folder + "/history.db"
    // Once it is open its names are not needed any more.
    defer {
      for ending in ["", "-wal", "-shm"] { unlink(copy + ending) }
      rmdir(folder)
    }
    for ending in ["", "-wal"] where access(path + ending, F_OK) == 0 {
      let code = copyFile(path + ending, to: copy + ending)
      guard code == 0 else {
        throw .cannotOpen(path: path, reason: "it can only be read as a copy, which failed: \(systemMessage(code))")
      }
    }
    return try History(path, at: copy, retention: .standard, isReadOnly: true)
  }

  /// - Returns: 0, or an `errno` value.
  private static func copyFile(_ source: String, to target: String) -> Int32 {
    let input = Glibc.open(source, O_RDONLY | O_CLOEXEC)
    guard input >= 0 else { return errno }
    defer { close(input) }
    let output = Glibc.open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard output >= 0 else { return errno }
    defer { close(output) }
    while true {
      let count = sendfile(output, input, nil, 1 << 30)
      if count == 0 { return 0 }
      if count < 0, errno != EINTR { return errno }
    }
  }
}
