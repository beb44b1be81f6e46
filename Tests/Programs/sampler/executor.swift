import Dispatch

/// An executor of the program's own: the runtime calls it in a task, and it is no async function.
final class Executor: TaskExecutor {
  static let shared = Executor()

  func enqueue(_ job: UnownedJob) { enqueueHere(job) }
}

/// In callback.c.
@_silgen_name("enqueue_here") func enqueueHere(_ job: UnownedJob)

@_cdecl("enqueue_there") func enqueueThere(_ job: UnsafeRawPointer) {
  let job = unsafeBitCast(job, to: UnownedJob.self)
  DispatchQueue.global().async { job.runSynchronously(on: Executor.shared.asUnownedTaskExecutor()) }
}

@main struct Main {
  static func main() async {
    var sum = 0
    for _ in 0..<100 {
      sum += await Task(executorPreference: Executor.shared) {
        await Task.yield()
        return 1
      }.value
      await Task.yield()
    }
    print("done", sum)
  }
}
