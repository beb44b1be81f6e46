import Foundation
import Glibc
import ProcessImage

/// A folder below the temporary one in which a command works. It goes with the command; where the command was killed, with the next one.
///
/// A file in it that is locked (flock(2)) says that somebody works there: the kernel takes the lock away however a process ends, and unlike a
/// process id in the name it is never mistaken for another process's. A folder without that file is somebody else's, whatever its name.
final class WorkFolder: Sendable {
  let path: String
  private let lock: Int32
  private static let lockName = ".memwhy-in-use"

  private init(path: String, lock: Int32) {
    self.path = path
    self.lock = lock
  }

  /// A new folder that only this user can read. Removes what killed commands of this user and this name left.
  ///
  /// - Throws: `CLIError.fault` where none can be made.
  static func make(_ name: String) throws(CLIError) -> WorkFolder {
    let base = String.temporaryFolder
    let prefix = "memwhy-\(name)-"
    removeAbandoned(base, prefix)
    // Another command may take a folder for abandoned that is not locked yet.
    while true {
      var template = Array("\(base)/\(prefix)XXXXXX".utf8CString)
      guard mkdtemp(&template) != nil else {
        throw .fault("cannot make a folder in \(base): \(systemMessage(errno)); set TMPDIR to a folder with room")
      }
      let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let lock = open("\(path)/\(lockName)", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
      // Where the file system knows no locks, nobody takes one either.
      if lock >= 0 { flock(lock, LOCK_EX) }
      if Files.exists(path) { return WorkFolder(path: path, lock: lock) }
      if lock >= 0 { close(lock) }
    }
  }

  /// Safe to call twice.
  func remove() { Files.remove(path) }

  deinit { if lock >= 0 { close(lock) } }

  private static func removeAbandoned(_ base: String, _ prefix: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? [] where name.hasPrefix(prefix) {
      let path = base + "/" + name
      var folder = stat()
      guard lstat(path, &folder) == 0, folder.st_mode & S_IFMT == S_IFDIR, folder.st_uid == geteuid() else { continue }
      let lock = open("\(path)/\(lockName)", O_RDWR | O_CLOEXEC | O_NOFOLLOW)
      guard lock >= 0 else { continue }
      defer { close(lock) }
      guard flock(lock, LOCK_EX | LOCK_NB) == 0 else { continue }
      Files.remove(path)
    }
  }
}
