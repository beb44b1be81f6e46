// holderzoo concurrency N   tasks that are stuck in other ways: N whose handle alone is kept, a group with N results that nobody takes, N
//                           children of a group and one async let that wait, a stream that N elements were put into and nobody reads
// holderzoo unstarted N     N tasks by a closure and N by a function that is handed on, which wait for the main thread, and that never comes
import Glibc

nonisolated(unsafe) var handles: [Task<Void, Never>] = []
nonisolated(unsafe) var feed: AsyncStream<Int>.Continuation?
nonisolated(unsafe) var stored: AsyncStream<Document>?

@MainActor func waitForDropped() async { await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }
@MainActor func waitInGroup() async { await withUnsafeContinuation { waiting.append($0) } }

func fanOut(_ count: Int) async {
  await withTaskGroup(of: Int.self) { group in
    for number in 0..<count {
      group.addTask {
        await waitInGroup()
        return number
      }
    }
    async let extra: Void = waitInGroup()
    for await number in group { print(number) }
    await extra
  }
}

func neverTakes(_ count: Int) async {
  await withTaskGroup(of: [Int].self) { group in
    for number in 0..<count { group.addTask { Array(repeating: number, count: 100) } }
    await waitInGroup()
    print("resumed")
  }
}

func holdConcurrency(_ count: Int) async {
  for _ in 0..<count {
    handles.append(
      Task { @MainActor in
        await waitForDropped()
        print("resumed")
      })
  }
  Task { await fanOut(count) }
  Task { await neverTakes(count) }
  fillStreams(count)
  try? await Task.sleep(for: .milliseconds(500))
}

/// Not async, so that no frame keeps the streams.
@inline(never) func fillStreams(_ count: Int) {
  feed = makeFeed(count * 10)
  stored = AsyncStream { continuation in
    for number in 0..<count { continuation.yield(Document(number)) }
  }
}

/// The stream goes, and with it whoever could read.
@inline(never) func makeFeed(_ count: Int) -> AsyncStream<Int>.Continuation {
  let (stream, continuation) = AsyncStream.makeStream(of: Int.self)
  for number in 0..<count { continuation.yield(number) }
  withExtendedLifetime(stream) {}
  return continuation
}

@MainActor func answerOne(_ document: Document) async -> Int { document.numbers.count }

@MainActor @inline(never) func queueTasks(_ count: Int) {
  for number in 0..<count {
    let document = Document(number)
    Task { _ = await answerOne(document) }
    hand { _ = await answerOne(document) }
  }
}

/// Not seen through, so that the task begins with a thunk.
@inline(never) @_optimize(none) func hand(_ work: @escaping @MainActor @Sendable () async -> Void) {
  _ = Task(operation: work)
}
