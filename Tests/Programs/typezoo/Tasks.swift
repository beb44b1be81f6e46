#if canImport(Glibc)
  import Glibc
#endif

func address<S, F>(_ task: Task<S, F>) -> UInt { unsafeBitCast(task, to: UInt.self) }

@inline(never) func waitForContinuation() async {
  await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in kept.append(continuation) }
  print("never")
}

@inline(never) func outerWait(_ leaf: Leaf) async -> Int {
  await waitForContinuation()
  return leaf.value
}

@inline(never) func waitForTask(_ other: Task<Int, Never>) async -> Int { await other.value + 1 }

@inline(never) func waitInGroup(_ other: Task<Int, Never>) async -> Int {
  await withTaskGroup(of: Int.self) { group in
    group.addTask { await other.value }
    return await group.next() ?? 0
  }
}

/// `TASK address state`.
func startTasks(_ leaf: Leaf) async {
  let suspended = Task.detached { await outerWait(leaf) }
  let waiting = Task.detached { await waitForTask(suspended) }
  let grouped = Task.detached { await waitInGroup(suspended) }
  let done = Task.detached { 5 }
  let running = Task.detached { () -> Int in
    while true { sleep(1000) }
  }
  let cancelled = Task.detached { await outerWait(leaf) }
  cancelled.cancel()
  _ = await done.value
  usleep(300_000)
  kept.append((suspended, waiting, grouped, done, running, cancelled))
  print("TASK \(hex(address(suspended))) continuation")
  print("TASK \(hex(address(waiting))) task")
  print("TASK \(hex(address(grouped))) group")
  print("TASK \(hex(address(done))) done")
  print("TASK \(hex(address(running))) running")
  print("TASK \(hex(address(cancelled))) cancelled")
}
