import Glibc
import ProcessImage

/// Files that verbs write.
enum OutputFile {
  /// Where what is written goes.
  private enum Place {
    /// A file that is replaced, or made; links are followed.
    case file(String)
    /// A device, a pipe, a socket: something to write into. Put a file in its place, and `/dev/null` is gone.
    case stream(String)
  }

  /// Before a process is touched: a place that cannot be written to must not cost it a pause.
  ///
  /// - Parameter path: nil where nothing is to be written.
  /// - Throws: `CLIError.noInput` where no such folder is, or `path` is one; `CLIError.notWritten` else.
  static func check(_ path: String?) throws(CLIError) {
    guard let path else { return }
    switch try place(path) {
    case .stream(let path): guard access(path, W_OK) == 0 else { throw failure(path, errno) }
    case .file(let file):
      guard access(file.folder, W_OK | X_OK) == 0 else { throw failure(path, errno) }
    }
  }

  /// Writes all of it, or leaves what was there: beside it first, and moved there when it is whole.
  ///
  /// - Parameters:
  ///   - isPrivate: nobody but the owner may read it; else as the umask says.
  ///   - quiet: says nothing of it on stderr.
  /// - Throws: `CLIError`, as `check`.
  static func write(_ bytes: [UInt8], to path: String, isPrivate: Bool = false, quiet: Bool = true) throws(CLIError) {
    switch try place(path) {
    case .stream(let stream):
      let descriptor = open(stream, O_WRONLY | O_CLOEXEC | O_NOCTTY)
      guard descriptor >= 0 else { throw failure(path, errno) }
      defer { close(descriptor) }
      // A reader that has seen enough is no failure.
      if !Terminal.write(bytes, to: descriptor), errno != EPIPE { throw failure(path, errno) }
    case .file(let file):
      let draft = "\(file).\(getpid())-\(UInt32.random(in: 0 ... .max))"
      let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, isPrivate ? 0o600 : 0o666)
      guard descriptor >= 0 else { throw failure(path, errno) }
      let isWritten = Terminal.write(bytes, to: descriptor)
      let code = errno
      guard close(descriptor) == 0, isWritten, rename(draft, file) == 0 else {
        let reason = isWritten ? errno : code
        unlink(draft)
        throw failure(path, reason)
      }
    }
    if !quiet { Terminal.error("memwhy: wrote \(path)\n") }
  }

  private static func place(_ path: String) throws(CLIError) -> Place {
    var status = stat()
    guard stat(path, &status) == 0 else {
      guard errno == ENOENT, !path.isEmpty else { throw failure(path, errno) }
      return .file(path)
    }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: throw failure(path, EISDIR)
    case S_IFREG:
      guard let whole = realpath(path, nil) else { return .file(path) }
      defer { free(whole) }
      return .file(String(cString: whole))
    default: return .stream(path)
    }
  }

  private static func failure(_ path: String, _ code: Int32) -> CLIError {
    let text = "cannot write '\(path)': \(systemMessage(code))"
    return switch code {
    case ENOENT, ENOTDIR, EISDIR: .noInput(text + "; choose another file")
    case ENOSPC, EDQUOT: .notWritten(text + "; free room there, or choose another file")
    default: .notWritten(text + "; choose another file")
    }
  }
}
