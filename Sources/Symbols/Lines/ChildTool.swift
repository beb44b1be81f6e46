import Glibc
import ProcessImage

/// Runs a program with bytes on its standard input and takes what it prints.
///
/// Both go through unlinked temporary files: no pipe can fill up, and a program that hangs is ended.
public enum ChildTool {
  /// Why there is no output.
  public enum Failure: Error, Sendable {
    /// It cannot be started, failed, or took too long.
    case failed
    /// It printed more than was allowed.
    case tooMuch
  }

  /// What it printed; nil where it cannot be started, fails, or takes longer than `seconds`. Its messages are dropped.
  public static func run(_ tool: String, _ arguments: [String], input: [UInt8], seconds: Int) -> [UInt8]? {
    try? capture(tool, arguments, input: input, seconds: seconds, limit: 1 << 30).get()
  }

  /// What it printed, at most `limit` bytes: it is ended when it writes more.
  public static func capture(
    _ tool: String, _ arguments: [String], input: [UInt8], seconds: Int, limit: Int
  ) -> Result<[UInt8], Failure> {
    guard let source = temporaryFile(), let target = temporaryFile() else { return .failure(.failed) }
    defer {
      close(source)
      close(target)
    }
    guard write(input, to: source), lseek(source, 0, SEEK_SET) == 0 else { return .failure(.failed) }
    var actions = posix_spawn_file_actions_t()
    guard posix_spawn_file_actions_init(&actions) == 0 else { return .failure(.failed) }
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, source, STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, target, STDOUT_FILENO)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
    var vector: [UnsafeMutablePointer<CChar>?] = ([tool] + arguments).map { strdup($0) }
    vector.append(nil)
    defer { for item in vector { free(item) } }
    // It must not ask servers for debug files.
    var environment = inherited(without: "DEBUGINFOD_URLS")
    defer { for item in environment { free(item) } }
    var child: pid_t = 0
    guard posix_spawn(&child, tool, &actions, nil, vector, &environment) == 0 else { return .failure(.failed) }
    guard wait(child, seconds: seconds, isTooMuch: { size(of: target) > limit }) else {
      return .failure(size(of: target) > limit ? .tooMuch : .failed)
    }
    if size(of: target) > limit { return .failure(.tooMuch) }
    return content(of: target, limit: limit).map { .success($0) } ?? .failure(.failed)
  }

  /// Copies of this process's variables but one, ended by nil. The caller frees them.
  private static func inherited(without name: String) -> [UnsafeMutablePointer<CChar>?] {
    var result: [UnsafeMutablePointer<CChar>?] = []
    var next = environ
    while let variable = next.pointee {
      if !String(cString: variable).hasPrefix(name + "=") { result.append(strdup(variable)) }
      next += 1
    }
    return result + [nil]
  }

  private static func size(of file: Int32) -> Int {
    var status = stat()
    return fstat(file, &status) == 0 ? Int(clamping: status.st_size) : 0
  }

  /// true where it ended by itself with 0.
  private static func wait(_ child: pid_t, seconds: Int, isTooMuch: () -> Bool) -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    var pause: UInt32 = 500
    while true {
      var status: Int32 = 0
      let result = waitpid(child, &status, WNOHANG)
      if result == child { return status == 0 }
      if result < 0, errno != EINTR { return false }
      if ContinuousClock.now > end || isTooMuch() {
        kill(child, SIGKILL)
        waitpid(child, &status, 0)
        return false
      }
      usleep(pause)
      pause = min(pause * 2, 20_000)
    }
  }

  private static func temporaryFile() -> Int32? {
    var template = Array("\(String.temporaryFolder)/memwhy-XXXXXX".utf8CString)
    let file = mkstemp(&template)
    guard file >= 0 else { return nil }
    // The child gets its own copies as standard streams.
    _ = fcntl(file, F_SETFD, FD_CLOEXEC)
    unlink(template)
    return file
  }

  private static func write(_ bytes: [UInt8], to file: Int32) -> Bool {
    bytes.withUnsafeBytes { buffer in
      var offset = 0
      while offset < buffer.count {
        let count = Glibc.write(file, buffer.baseAddress?.advanced(by: offset), buffer.count - offset)
        if count < 0, errno == EINTR { continue }
        if count <= 0 { return false }
        offset += count
      }
      return true
    }
  }

  private static func content(of file: Int32, limit: Int) -> [UInt8]? {
    var status = stat()
    guard fstat(file, &status) == 0, status.st_size <= limit else { return nil }
    var result = [UInt8](repeating: 0, count: Int(status.st_size))
    var offset = 0
    while offset < result.count {
      let count = result.withUnsafeMutableBytes { buffer in
        pread(file, buffer.baseAddress?.advanced(by: offset), buffer.count - offset, off_t(offset))
      }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return nil }
      offset += count
    }
    return result
  }
}
