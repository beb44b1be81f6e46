import Foundation
import Glibc

/// A child of the test process, known to have ended as soon as it has.
///
/// Not Foundation's `Process`: that takes a child for ended when a socket closes of which the child has one end (swift-corelibs-foundation,
/// Process.swift), and whatever else has that end keeps it open: a program that the child left behind, and a child that another thread starts in
/// the same instant. Of two tests each can wait so for what the other one will only end afterwards.
public final class ChildProgram: @unchecked Sendable {
  /// How a child ended.
  public enum End: Sendable, Equatable {
    case exited(Int32)
    case signalled(Int32)

    /// As a shell says it: 128 and the signal.
    public var status: Int32 {
      switch self {
      case .exited(let code): code
      case .signalled(let signal): 128 + signal
      }
    }
  }

  public let pid: pid_t
  private let lock = NSLock()
  private var known: End?

  private typealias CloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
  /// posix_spawn_file_actions_addclosefrom_np(3), which Swift's Glibc module does not show.
  private static let closeFrom = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np").map {
    unsafeBitCast($0, to: CloseFrom.self)
  }

  /// Starts a program in a process group of its own, with these streams and no other descriptor.
  ///
  /// - Parameters:
  ///   - environment: beside and above that of the tests.
  ///   - input, output, errors: descriptors of this process; `/dev/null` where there is none.
  /// - Throws: `TestFailure` where it cannot be started.
  public init(
    _ path: String, _ arguments: [String] = [], environment: [String: String] = [:], input: Int32? = nil,
    output: Int32? = nil, errors: Int32? = nil
  ) throws {
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    for (number, descriptor) in [(Int32(0), input), (1, output), (2, errors)] {
      if let descriptor {
        posix_spawn_file_actions_adddup2(&actions, descriptor, number)
      } else {
        posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_RDWR, 0)
      }
    }
    // By the child itself, so that nothing which another thread opens meanwhile slips through.
    guard let closeFrom = Self.closeFrom else { throw TestFailure("glibc before 2.34 cannot start programs for tests") }
    _ = closeFrom(&actions, 3)
    // Threads that run tests may block signals, which a child would inherit.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
    var words = ([path] + arguments).map { strdup($0) } + [nil]
    let merged = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    var variables = merged.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in words + variables { free(text) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, path, &actions, &attributes, &words, &variables)
    guard code == 0 else { throw TestFailure("cannot start \(path): \(String(cString: strerror(code)))") }
    self.pid = pid
  }

  /// How it ended; nil while it runs.
  public var end: End? { lock.withLock { look() } }
  public var isRunning: Bool { end == nil }

  /// Waits until it has ended.
  @discardableResult
  public func waitUntilEnd() -> End {
    while true {
      if let end { return end }
      usleep(2_000)
    }
  }

  /// Nothing where it has ended: its number may be another program's by then.
  public func signal(_ number: Int32) {
    lock.withLock { if look() == nil { kill(pid, number) } }
  }

  /// Kills and reaps it. Safe to call twice.
  public func stop() {
    signal(SIGKILL)
    waitUntilEnd()
  }

  private func look() -> End? {
    if let known { return known }
    // First without taking it: where another thread of this process traces the child, its stops would be taken from that thread.
    var info = siginfo_t()
    let result = waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT)
    // Reaped by somebody else: that is no reason to wait for ever.
    if result < 0 && errno == ECHILD { known = .exited(-1) }
    let codes = [CLD_EXITED, CLD_KILLED, CLD_DUMPED].map { Int32($0) }
    guard result == 0, codes.contains(info.si_code) else { return known }
    var status: Int32 = 0
    guard waitpid(pid, &status, WNOHANG) == pid else { return known }
    known = status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .signalled(status & 0x7f)
    return known
  }
}
