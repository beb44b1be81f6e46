import Glibc

/// What came of one attempt to stop the target.
enum AttemptOutcome<Success> {
  case done(Success)
  /// Everything was let go; another attempt may do better.
  case retry(FreezeError)
  /// The target stood still for long; a busy machine may have been the reason, so one more attempt may do better.
  case retryOnce(FreezeError)
  case failed(FreezeError)

  /// What a failure to stop all threads means.
  init(_ error: ThreadGroup.Failure, pid: Int32, attempts: Int) {
    switch error {
    case .gone: self = .failed(.targetGone(pid: pid, during: "it was being stopped"))
    case .didNotStop(let tid): self = .retry(.didNotStop(pid: pid, tid: tid, attempts: attempts))
    case .notPermitted(let code):
      if let status = try? Procfs.status(of: pid), status.tracer != 0 {
        self = .retry(.tracedByAnother(pid: pid, tracer: FreezeGuards.process(of: status.tracer)))
      } else if code == EPERM || code == EACCES || code == ENOSYS {
        self = .failed(.notPermitted(pid: pid, reason: Permission.denial(pid: pid)))
      } else {
        self = .failed(.systemCall(pid: pid, name: "PTRACE_SEIZE", errno: code))
      }
    }
  }

  /// Tries again until it works, fails for good, or the attempts are used up. Each attempt has a tracing thread of its own, whose end
  /// lets everything go.
  ///
  /// - Returns: the result, the living tracing thread, and how many attempts were given up.
  static func repeated(
    pid: Int32, options: FreezeOptions, attempt: () throws(FreezeError) -> (() -> AttemptOutcome<Success>)
  ) throws(FreezeError) -> (result: Success, tracer: TracerThread, retries: Int) {
    var retries = 0
    var mayBeSlow = true
    while true {
      let work = try attempt()
      guard let tracer = TracerThread() else {
        throw .noThread(ProcessRoom.ownLack)
      }
      switch tracer.run(work) {
      case .done(let result)?: return (result, tracer, retries)
      case .retry(let error)?:
        tracer.end()
        retries += 1
        if retries >= options.attempts { throw error }
        Clocks.sleep(options.retryDelay)
      case .retryOnce(let error)?:
        tracer.end()
        guard mayBeSlow, retries < options.attempts - 1 else { throw error }
        mayBeSlow = false
        retries += 1
        Clocks.sleep(options.retryDelay)
      case .failed(let error)?:
        tracer.end()
        throw error
      case nil:
        tracer.end()
        throw .noThread(ProcessRoom.ownLack)
      }
    }
  }
}
