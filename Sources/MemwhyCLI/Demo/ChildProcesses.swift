import Glibc
import ProcessImage
import Synchronization

/// The programs that a command has started and the folder that it works in: both go with it, whatever happens.
///
/// Each child leads a process group of its own, so that Ctrl-C reaches memwhy alone and memwhy decides in what order things end.
final class ChildProcesses: Sendable {
  struct Child: Sendable, Hashable {
    var pid: Int32
    var name: String
    /// Closed when memwhy ends, even by SIGKILL: a child that reads its standard input to the end then ends, too.
    var input: Int32
  }

  private struct State {
    var running: [Child] = []
    var isEnding = false
    /// The signal's thread ends everything: the others must not report that children went away.
    var isInterrupted = false
  }

  private let state = Mutex(State())
  private let workFolder: WorkFolder
  var folder: String { workFolder.path }

  /// - Parameter folder: is removed with everything in it at the end.
  init(folder: WorkFolder) { workFolder = folder }

  /// Starts a program with its output in files.
  ///
  /// - Throws: `CLIError.noInput` where it cannot be started, `.fault` once the end has begun.
  func start(_ path: String, _ arguments: [String], output: String, errors: String? = nil) throws(CLIError) -> Child {
    let name = path.fileName ?? "program"
    while state.withLock({ $0.isInterrupted }) { usleep(100_000) }
    let child = state.withLock { state -> Result<Child, CLIError> in
      guard !state.isEnding else { return .failure(.fault("interrupted before \(name) was started")) }
      let result = Self.spawn(path, arguments, name: name, output: output, errors: errors)
      if case .success(let child) = result { state.running.append(child) }
      return result
    }
    return try child.get()
  }

  /// The exit status of a child that has ended, 128 + signal where a signal ended it; nil while it runs.
  func status(_ child: Child) -> Int32? {
    state.withLock { $0.isInterrupted } ? nil : reap(child)
  }

  private func reap(_ child: Child) -> Int32? {
    state.withLock { state in
      guard let index = state.running.firstIndex(of: child) else { return -1 }
      var status: Int32 = 0
      guard waitpid(child.pid, &status, WNOHANG) != 0 else { return nil }
      state.running.remove(at: index)
      close(child.input)
      return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    }
  }

  /// SIGTERM, and SIGKILL after two seconds.
  func stop(_ child: Child) {
    // A build has compilers below it; memwhy cleans up by itself and its helpers must not go before it.
    kill(child.name == "swift" ? -child.pid : child.pid, SIGTERM)
    for attempt in 0..<250 {
      if reap(child) != nil { return }
      if attempt == 200 { kill(-child.pid, SIGKILL) }
      usleep(10_000)
    }
  }

  /// Ends all of them, youngest first, and removes the folder. Nothing can be started afterwards. Safe to call twice.
  func end() {
    let running = state.withLock { state in
      state.isEnding = true
      return state.running
    }
    for child in running.reversed() { stop(child) }
    workFolder.remove()
  }

  /// `end`, called by the thread that ends the command right behind it.
  func interrupt() {
    state.withLock { $0.isInterrupted = true }
    end()
  }

  private static func spawn(
    _ path: String, _ arguments: [String], name: String, output: String, errors: String?
  ) -> Result<Child, CLIError> {
    var pipes: [Int32] = [-1, -1]
    guard pipe(&pipes) == 0 else { return .failure(.fault("cannot make a pipe for \(name)")) }
    for end in pipes { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
      close(pipes[0])
    }
    posix_spawn_file_actions_adddup2(&actions, pipes[0], 0)
    let flags = O_WRONLY | O_CREAT | O_TRUNC
    posix_spawn_file_actions_addopen(&actions, 1, output, flags, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, errors ?? output + ".errors", flags, 0o600)
    posix_spawnattr_setpgroup(&attributes, 0)
    SpawnAttributes.resetSignals(&attributes, flags: Int32(POSIX_SPAWN_SETPGROUP))
    var words = ([path] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var pid: pid_t = 0
    let code = posix_spawnp(&pid, path, &actions, &attributes, &words, environ)
    guard code == 0 else {
      close(pipes[1])
      return .failure(.noInput("cannot start \(path): \(systemMessage(code))"))
    }
    return .success(Child(pid: pid, name: name, input: pipes[1]))
  }
}
