import Dispatch
import Synchronization

// Objects that only Swift concurrency knows. Every task here can still be resumed.

enum Running {
  static let checked = Mutex<[CheckedContinuation<Void, Never>]>([])
  static let unsafe = Mutex<[UnsafeContinuation<Int, any Error>]>([])
  static let streams = Mutex<[AsyncStream<Baggage>.Continuation]>([])
  static let unread = Mutex<[AsyncStream<Baggage>]>([])
  static let handles = Mutex<[Task<Baggage, Never>]>([])
  static let gate = DispatchSemaphore(value: 0)
  @TaskLocal static var local: Baggage?
}

let forever = Duration.seconds(1_000_000)

/// A task whose handle nobody keeps.
@inline(never) @_optimize(none)
func run(_ kind: StaticString, _ body: @escaping @Sendable () async -> Void) {
  Quiet.expect()
  let task = Task.detached { await body() }
  Truth.add(task, .healthy, kind)
}

@inline(never) func holdSleeper(_ number: Int) {
  run("sleeping task") {
    let baggage = makeBaggage(number)
    Truth.add(baggage, .healthy, "sleeping task")
    Quiet.arrive()
    try? await Task.sleep(for: forever)
    baggage.bytes.append(1)
  }
}

/// With a tolerance the timer lies in the memory of the job that wakes the sleeper, and knows that by no word of its own.
@inline(never) func holdTolerantSleeper(_ number: Int) {
  run("sleeping task with a tolerance") {
    let baggage = makeBaggage(number)
    Truth.add(baggage, .healthy, "sleeping task with a tolerance")
    Quiet.arrive()
    try? await Task.sleep(for: forever, tolerance: .seconds(1))
    baggage.bytes.append(1)
  }
}

@Sendable @inline(never) func sleepDeeply(_ depth: Int, _ number: Int) async -> Int {
  let baggage = makeBaggage(number)
  Truth.add(baggage, .healthy, "sleeping task, deep frames")
  if depth == 0 {
    Quiet.arrive()
    try? await Task.sleep(for: forever)
    return baggage.bytes.count
  }
  let below = await sleepDeeply(depth - 1, number)
  return below + baggage.bytes.count
}

@inline(never) func holdDeepSleeper(_ number: Int) {
  run("sleeping task, deep frames") { _ = await sleepDeeply(20, number) }
}

@inline(never) func holdContinuation(_ number: Int) {
  run("held continuation") {
    let baggage = makeBaggage(number)
    Truth.add(baggage, .healthy, "held continuation")
    if number % 2 == 0 {
      await withCheckedContinuation { continuation in
        Running.checked.withLock { $0.append(continuation) }
        Quiet.arrive()
      }
    } else {
      _ = try? await withUnsafeThrowingContinuation { continuation in
        Running.unsafe.withLock { $0.append(continuation) }
        Quiet.arrive()
      }
    }
    baggage.bytes.append(1)
  }
}

@inline(never) func holdAsyncLet(_ number: Int) {
  run("async let") {
    let baggage = makeBaggage(number)
    Truth.add(baggage, .healthy, "async let")
    async let first = sleepDeeply(2, number)
    async let second = sleepDeeply(1, number)
    Quiet.expect(2)
    Quiet.arrive()
    baggage.bytes.append(UInt8(await (first + second) % 3))
  }
}

@inline(never) func holdGroupInFlight(_ number: Int) {
  run("task group") {
    let baggage = makeBaggage(number)
    Truth.add(baggage, .healthy, "task group")
    Quiet.expect(3)
    await withTaskGroup(of: Baggage.self) { group in
      for index in 0..<3 {
        group.addTask {
          _ = await sleepDeeply(1, index)
          return baggage
        }
      }
      // This one is ready, and its result waits in the group.
      group.addTask {
        let result = makeBaggage(number)
        Truth.add(result, .healthy, "finished child of a task group")
        return result
      }
      Quiet.arrive()
      try? await Task.sleep(for: forever)
      for await item in group { item.bytes.append(1) }
    }
  }
}

/// Buffered elements that nobody has read yet, and a reader that waits for a live writer.
@inline(never) func holdStream(_ number: Int) {
  let (stream, continuation) = AsyncStream<Baggage>.makeStream()
  for _ in 0..<5 {
    let baggage = makeBaggage(number)
    Truth.add(baggage, .healthy, "stream buffer")
    continuation.yield(baggage)
  }
  Running.unread.withLock { $0.append(stream) }
  let (waited, writer) = AsyncStream<Baggage>.makeStream()
  Running.streams.withLock { $0.append(writer) }
  run("reader of a stream") {
    let baggage = makeBaggage(number)
    Truth.add(baggage, .healthy, "reader of a stream")
    Quiet.arrive()
    for await item in waited { item.bytes.append(1) }
    baggage.bytes.append(1)
  }
}

@inline(never) func holdFinished(_ number: Int) {
  Quiet.expect()
  let handle = Task.detached {
    let baggage = makeBaggage(number)
    Truth.add(baggage, .healthy, "result of a finished task")
    Quiet.arrive()
    return baggage
  }
  Running.handles.withLock { $0.append(handle) }
}

@inline(never) func holdTaskLocal(_ number: Int) {
  run("task-local value") {
    let baggage = makeBaggage(number)
    Truth.add(baggage, .healthy, "task-local value")
    await Running.$local.withValue(baggage) {
      Quiet.arrive()
      try? await Task.sleep(for: forever)
    }
  }
}

/// Jobs become blocks of a queue that is suspended.
final class PausedExecutor: SerialExecutor {
  private let queue = DispatchQueue(label: "paused actor")
  init() { queue.suspend() }
  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
  }
}

actor Paused {
  private let executor = PausedExecutor()
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
  private var total = 0
  func take(_ baggage: Baggage) { total += baggage.bytes.count }
}

/// A default actor whose first job blocks its thread: the others queue up in the actor.
actor Busy {
  private var total = 0
  func block() {
    Quiet.arrive()
    Running.gate.wait()
  }
  func take(_ baggage: Baggage) { total += baggage.bytes.count }
}

@inline(never) func holdActorJobs(_ number: Int) {
  let paused = Paused()
  Keep.forever(paused)
  for _ in 0..<3 {
    run("job of a paused actor") {
      let baggage = makeBaggage(number)
      Truth.add(baggage, .healthy, "job of a paused actor")
      Quiet.arrive()
      await paused.take(baggage)
    }
  }
}

/// Needs a thread of the pool for good, so it comes last and leaves the others to whoever needs them.
@inline(never) func holdBusyActor(_ number: Int) {
  Quiet.wait()
  let busy = Busy()
  run("blocked actor") { await busy.block() }
  Quiet.wait()
  for index in 0..<20 {
    run("job of a busy actor") {
      let baggage = makeBaggage(index)
      Truth.add(baggage, .healthy, "job of a busy actor")
      Quiet.arrive()
      await busy.take(baggage)
    }
  }
}

let healthyTasks: [Scenario] = [
  Scenario(name: "sleeper", isLeak: false, run: holdSleeper),
  Scenario(name: "tolerant-sleeper", isLeak: false, run: holdTolerantSleeper),
  Scenario(name: "deep-sleeper", isLeak: false, weight: 0.2, run: holdDeepSleeper),
  Scenario(name: "continuation", isLeak: false, run: holdContinuation),
  Scenario(name: "async-let", isLeak: false, run: holdAsyncLet),
  Scenario(name: "task-group", isLeak: false, run: holdGroupInFlight),
  Scenario(name: "stream", isLeak: false, run: holdStream),
  Scenario(name: "finished-task", isLeak: false, run: holdFinished),
  Scenario(name: "task-local", isLeak: false, run: holdTaskLocal),
  Scenario(name: "paused-actor", isLeak: false, weight: 0.2, run: holdActorJobs),
  Scenario(name: "busy-actor", isLeak: false, weight: 0, run: holdBusyActor),
]
