import HeapGraph
import ProcessImage
import Synchronization

/// Keeps what memwhy itself allocates from costing the process its life.
enum SharedLimit {
  private static let current = Mutex<(pid: Int32, watch: SharedLimitWatch)?>(nil)

  /// Until the command ends: what was read is worked on after the copy has gone.
  ///
  /// - Throws: `notPermitted` where a limit is shared and there is no room to begin.
  static func watch(_ pid: Int32) throws(CLIError) {
    ToolProcess.becomeFirstToDie()
    let refusal = current.withLock { current -> String? in
      if current?.pid == pid { return current?.watch.refusal }
      current?.watch.end()
      current = nil
      guard let watch = SharedLimitWatch(target: pid, onShortage: { Interruption.shared.abandon($0) }) else {
        return nil
      }
      if let refusal = watch.refusal ?? watch.start() { return refusal }
      current = (pid, watch)
      return nil
    }
    if let refusal { throw .notPermitted(refusal) }
  }
}

extension InspectionRoom {
  /// Less than this is left where the watch of a shared limit is about to end memwhy, in bytes.
  private static let last: UInt64 = 3 << 20

  /// Tells whether hardly any room is left: looks as often as the watch of a shared limit does, and answers false in between.
  static func watch(for target: AnalysisRequest.Target) -> @Sendable () -> Bool {
    let next = Atomic<UInt64>(0)
    return {
      guard Clocks.monotonic >= next.load(ordering: .relaxed) else { return false }
      next.store(Clocks.monotonic &+ SharedLimitWatch.interval, ordering: .relaxed)
      return now(for: target).map { $0.bytes < last } ?? false
    }
  }

  /// What memwhy may take for this target now.
  static func now(for target: AnalysisRequest.Target) -> InspectionRoom? {
    let pid: Int32? = if case .process(let pid) = target { pid } else { nil }
    return OwnRoom.now(beside: pid).map {
      InspectionRoom(bytes: $0.bytes, place: $0.place, advice: $0.advice, isSpent: CountingRun.isThis)
    }
  }
}
