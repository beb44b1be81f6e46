import Foundation

/// Events for a consumer that never comes: the stream's buffer has no bound unless it is given one.
final class StreamService: Service {
  struct Event { var payload: Payload }
  private let events: AsyncStream<Event>
  private let source: AsyncStream<Event>.Continuation
  init() { (events, source) = AsyncStream.makeStream(of: Event.self) }
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<60 { source.yield(Event(payload: Payload(4_000))) }
    withExtendedLifetime(events) {}
    return 60
  }
}

/// Handles of tasks that have long ended.
final class FinishedTaskService: Service {
  var handles: [Task<Int, Never>] = []
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for index in 0..<60 { handles.append(Task.detached { await work(index) }) }
    usleep(20_000)
    return 60
  }
}

@inline(never)
func work(_ number: Int) async -> Int {
  await Task.yield()
  return number
}

/// The same loss as `ContinuationService` with the checked kind, which says so on standard error each time.
final class CheckedContinuationService: Service {
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<30 { Task.detached { await waitForReply() } }
    usleep(20_000)
    return 30
  }
}

@inline(never)
func waitForReply() async { await withCheckedContinuation { (_: CheckedContinuation<Void, Never>) in } }

/// Objects that are gone and whose memory is kept: each has an entry with an unowned reference in a log.
final class DeadObjectService: Service {
  final class Account {
    let payload: (Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int)
    init(_ number: Int) {
      payload = (number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number)
    }
  }
  struct Entry {
    unowned let account: Account
    let number: Int
  }
  private var entries: [Entry] = []
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for index in 0..<2_000 { entries.append(Entry(account: Account(index), number: index)) }
    return 2_000
  }
}

/// Child tasks that have ended, in a group from which nobody takes the results.
final class ChildResultService: Service {
  private let source: AsyncStream<Void>.Continuation
  init() {
    let (turns, source) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .unbounded)
    self.source = source
    Task.detached { await collectResults(turns) }
  }
  func turn(_ number: Int) -> Int {
    churn()
    source.yield()
    usleep(30_000)
    return 60
  }
}

@inline(never)
func collectResults(_ turns: AsyncStream<Void>) async {
  await withTaskGroup(of: Int.self) { group in
    for await _ in turns { for index in 0..<60 { group.addTask { await work(index) } } }
  }
}

/// Calls of an actor that does them slower than they come.
final class ActorQueueService: Service {
  private let reporter = SlowReporter()
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for index in 0..<60 { Task.detached { [reporter] in await reporter.record(index) } }
    usleep(20_000)
    return 60
  }
}

actor SlowReporter {
  private var sum = 0
  func record(_ number: Int) {
    usleep(10_000)
    sum += number
  }
}

/// A table in an object that only a sleeping task holds: between its turns nothing but its timer leads to the task.
final class SleeperService: Service {
  init() { Task.detached { await refreshDirectory() } }
  func turn(_ number: Int) -> Int {
    churn()
    usleep(50_000)
    return 100
  }
}

final class Directory {
  var people: [Int: Payload] = [:]
  func refresh() { for _ in 0..<100 { people[people.count] = Payload(2_000) } }
}

/// Not in the frame of who uses it.
@inline(never)
func makeDirectory() -> Directory { Directory() }

@inline(never)
func refreshDirectory() async {
  let directory = makeDirectory()
  while directory.people.count >= 0 {
    directory.refresh()
    try? await Task.sleep(nanoseconds: 40_000_000)
  }
}

/// Callers who queue for one of few connections, each a struct with its continuation; those who have a connection never give it back.
final class PoolQueueService: Service {
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for index in 0..<60 { Task.detached { await loadProfile(index) } }
    usleep(20_000)
    return 60
  }
}

final class ConnectionQueue: @unchecked Sendable {
  struct Caller {
    let name: Payload
    let ready: UnsafeContinuation<Void, Never>
  }
  private let lock = NSLock()
  private var free = 4
  private var callers: [Int: Caller] = [:]

  func connection(for name: Payload) async {
    await withUnsafeContinuation { continuation in
      let isFree = lock.withLock {
        if free > 0 {
          free -= 1
          return true
        }
        callers[callers.count] = Caller(name: name, ready: continuation)
        return false
      }
      if isFree { continuation.resume() }
    }
  }
}

let connections = ConnectionQueue()

@inline(never)
func loadProfile(_ number: Int) async {
  await connections.connection(for: Payload(400))
  try? await Task.sleep(nanoseconds: 1_000_000_000_000)
}
