import Measurement

/// A process at one instant: its private writable memory was copied into the tool while all threads stood still.
///
/// The cheaper way where a copy-on-write copy is refused: nothing is injected and nothing is charged to the target. The pause grows with
/// the memory that is copied, about 0.2 s a GiB.
public final class StoppedProcess: Sendable {
  public let pid: Int32
  /// Sorted by thread id.
  public let threads: [ThreadState]
  public let mappings: [Mapping]
  public let memory: PageStore
  public let report: FreezeReport

  private init(pid: Int32, threads: [ThreadState], mappings: [Mapping], memory: PageStore, report: FreezeReport) {
    self.pid = pid
    self.threads = FrozenProcess.named(threads, pid: pid)
    self.mappings = mappings
    self.memory = memory
    self.report = report
  }

  /// Stops all threads, copies the present pages of the mappings that `wanted` accepts, and lets them go.
  ///
  /// - Throws: why it was refused or did not work; the target runs on unharmed.
  public static func stop(
    _ pid: Int32, options: FreezeOptions = FreezeOptions(),
    wanted: @escaping @Sendable (Mapping) -> Bool = { $0.isWritablePrivate }
  ) throws(FreezeError) -> StoppedProcess {
    #if !arch(x86_64)
      throw .unsupportedArchitecture
    #else
      let target = try FrozenProcess.findTarget(pid)
      try FreezeGuards.requireFree(pid: pid, status: target.status, options: options)
      if let group = FrozenGroup(of: pid), !group.canStop { throw group.refusal(pid: pid) }
      let attempt = try StopAttempt(target: target, options: options, wanted: wanted)
      try attempt.requireRoom()
      options.announce?(attempt.predictedPause)
      let (result, tracer, retries) = try AttemptOutcome<StopAttempt.Copy>.repeated(pid: pid, options: options) {
        () throws(FreezeError) in
        let store = try attempt.prepare()
        return { attempt.run(store) }
      }
      tracer.end()
      let report = FreezeReport(
        predictedPause: attempt.predictedPause, measuredPause: result.pause, end: result.end,
        threadCount: result.threads.count,
        retries: retries, notes: ["\(ByteCount(result.store.byteCount)) were copied while the process stood still"])
      return StoppedProcess(
        pid: pid, threads: result.threads, mappings: result.mappings, memory: result.store, report: report)
    #endif
  }
}

extension ProcessImage {
  /// A process at one instant, copied while it stood still; see `StoppedProcess`.
  public static func stopped(pid: Int32, options: FreezeOptions = FreezeOptions()) throws(FreezeError) -> ProcessImage {
    let words = KernelWords.read(of: pid)
    let stopped = try StoppedProcess.stop(pid, options: options)
    var image = ProcessImage(
      source: .stopped, pid: pid, name: Procfs.name(of: pid), mappings: stopped.mappings,
      modules: ModuleDiscovery.modules(mappings: stopped.mappings, memory: stopped.memory), threads: stopped.threads,
      memory: stopped.memory, files: ProcessRoot(pid: pid, mappings: stopped.mappings), freeze: stopped.report)
    image.kernelWords = words.union(KernelWords.read(of: pid))
    return image
  }
}
