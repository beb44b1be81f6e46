import CLinux
import Glibc

/// A process at one instant, as a copy-on-write copy that the target's own kernel call made: all threads' registers, all memory.
///
/// The target runs again as soon as its page tables are copied. Reading costs the target nothing; every page that it writes while the
/// copy lives costs it one page copy. The copy is killed by `release`, at the end of this object's life, when memory gets tight,
/// when the target ends, and when this process dies.
public final class FrozenProcess: Sendable {
  public let pid: Int32
  /// Sorted by thread id. Registers are as the thread left its own code.
  public let threads: [ThreadState]
  /// At the freeze, without memory that the program excludes from copies (`MADV_DONTFORK`).
  public let mappings: [Mapping]
  /// Throws `targetGone` once the copy is gone.
  public let memory: any MemoryReader
  /// Pages of private anonymous memory that hold anything.
  public let presentPages: PresentPages
  public let report: FreezeReport
  private let copy: FrozenCopy

  private init(pid: Int32, threads: [ThreadState], report: FreezeReport, copy: FrozenCopy) throws(FreezeError) {
    self.pid = pid
    self.report = report
    self.copy = copy
    self.threads = Self.named(threads, pid: pid)
    do throws(ProcessImageError) {
      let mappings = try Procfs.mappings(of: copy.child)
      let raw = try LiveMemory(pid: copy.child)
      do throws(SystemError) {
        presentPages = try PresentPages(pid: copy.child, mappings: mappings, wanted: \.isAnonymous)
      } catch {
        throw .cannotRead(path: "/proc/\(copy.child)/pagemap", code: error.code)
      }
      self.mappings = mappings
      memory = FrozenMemory(memory: raw, mappings: mappings, present: presentPages, owner: copy)
    } catch {
      copy.release()
      throw Self.explain(error, copy: copy)
    }
  }

  private static let killed = "its copy was killed, by the kernel for lack of memory or by another program"

  private static func explain(_ error: ProcessImageError, copy: FrozenCopy) -> FreezeError {
    switch copy.outcome {
    case .noHeadroom: .copyFailed(pid: copy.target, reason: "its memory limit came too near and the copy was given up")
    case .targetEnded: .targetGone(pid: copy.target, during: "its copy was being opened")
    case .killed: .copyFailed(pid: copy.target, reason: killed)
    case .none: .target(error)
    }
  }

  /// Process id of the copy, for what procfs says of its memory. Gone after `release`.
  public var copyPid: Int32 { copy.child }

  /// Why the copy was given up before `release`, as a sentence; nil while all is well.
  public var failure: String? {
    switch copy.outcome {
    case .none: nil
    case .noHeadroom:
      "the copy of process \(pid) was given up because the process came near its memory limit; use --freeze stop or --freeze none"
    case .targetEnded: "process \(pid) ended while its copy was being read"
    case .killed:
      "process \(pid) could not be read: \(Self.killed); it runs on unharmed, use --freeze stop or --freeze none"
    }
  }

  /// Runs `body` where the copy may be traced.
  func trial<Result>(_ body: @escaping () throws(TrialRun.Failure) -> Result) throws(TrialRun.Failure) -> Result {
    try copy.trial(body)
  }

  /// The copy went because memory was short; the target runs on.
  public var wasGivenUp: Bool { copy.outcome == .noHeadroom }
  /// The copy went because the target ended.
  public var targetHasEnded: Bool { copy.outcome == .targetEnded }

  /// Kills the copy and lets the target reap it. Reads throw from then on. Safe to call more than once.
  ///
  /// - Returns: what did not work, in sentences.
  @discardableResult
  public func release() -> [String] { copy.release() }

  /// Threads with their names, sorted. Names are read after the pause: a thread may have gone by then.
  static func named(_ threads: [ThreadState], pid: Int32) -> [ThreadState] {
    var named = threads.sorted { $0.tid < $1.tid }
    for index in named.indices { named[index].name = Procfs.name(of: pid, thread: named[index].tid) }
    return named
  }

  static func findTarget(_ pid: Int32) throws(FreezeError) -> Procfs.Target {
    do throws(ProcessImageError) {
      return try Procfs.target(pid)
    } catch {
      throw .target(error)
    }
  }

  /// Freezes a running process.
  ///
  /// - Returns: the copy; the target runs already.
  /// - Throws: why it was refused or did not work. The target runs on unharmed in every case.
  public static func freeze(_ pid: Int32, options: FreezeOptions = FreezeOptions()) throws(FreezeError) -> FrozenProcess
  {
    let target = try findTarget(pid)
    let guards = try FreezeGuards(target: target, options: options)
    // Opens its memory, which the kernel allows to those who may attach: what is not allowed is not announced either.
    let context = try FreezeContext(target: target, options: options)
    options.announce?(guards.predictedPause)
    let swept = context.sweep()
    let (result, tracer, retries) = try AttemptOutcome<FreezeAttempt.Copy>.repeated(pid: pid, options: options) {
      () throws(FreezeError) in
      try guards.requireHeadroom()
      let attempt = try context.attempt(guards: guards)
      return { attempt.run() }
    }
    let report = FreezeReport(
      predictedPause: guards.predictedPause, measuredPause: result.pause, end: result.end,
      threadCount: result.threads.count,
      retries: retries, notes: swept + result.notes)
    let copy = context.copy(of: result, tracer: tracer, guards: guards, retries: retries)
    return try FrozenProcess(pid: pid, threads: result.threads, report: report, copy: copy)
  }
}
