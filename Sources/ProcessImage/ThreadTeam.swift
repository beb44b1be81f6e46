import Synchronization

/// Several threads that share work, as many as the system allows.
public enum ThreadTeam {
  /// Calls `body` with each number below `count`, on the calling thread and on at most `count - 1` others, and returns when all have returned.
  ///
  /// Where no thread may be started (`pids.max`, RLIMIT_NPROC) the calling one does all of it in turn: `DispatchQueue.concurrentPerform` waits for a
  /// thread without end there, and a copy of the target with it. A body that takes pieces of work until none is left finds them taken
  /// when its turn comes late, and returns at once.
  public static func perform(_ count: Int, _ body: @Sendable (Int) -> Void) {
    withoutActuallyEscaping(body) { body in
      let next = Atomic<Int>(0)
      withoutActuallyEscaping({ @Sendable in
        while true {
          let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard index < count else { return }
          body(index)
        }
      }) { work in
        let others = (1..<max(count, 1)).map { _ in SystemThread(work) }
        work()
        for thread in others { thread?.join() }
      }
    }
  }
}
