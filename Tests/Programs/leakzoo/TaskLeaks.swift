// Tasks that nothing can resume any more, with all that their frames hold.

/// Starts a task without leaving its address in this frame.
@inline(never) @_optimize(none)
func start(_ kind: StaticString, _ body: @escaping @Sendable () async -> Void) {
  Quiet.expect()
  let task = Task.detached { await body() }
  Truth.add(task, .leakedTask, kind)
}

@Sendable @inline(never) func loseContinuation(_ number: Int) async {
  let baggage = makeBaggage(number)
  Truth.add(baggage, .leaked, "lost continuation")
  withUnsafeCurrentTask { Truth.add(Truth.word($0), .leakedTask, "lost continuation") }
  Quiet.arrive()
  await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
  withExtendedLifetime(baggage) {}
}

@inline(never) func leakContinuation(_ number: Int) {
  start("lost continuation") { await loseContinuation(number) }
}

/// Prints a warning for each, as the checked kind does, and the runtime loses the text of the warning as well.
@inline(never) func leakCheckedContinuation(_ number: Int) {
  start("lost checked continuation") {
    let baggage = makeBaggage(number)
    Truth.add(baggage, .leaked, "lost checked continuation")
    Quiet.arrive()
    await withCheckedContinuation { (_: CheckedContinuation<Void, Never>) in }
    withExtendedLifetime(baggage) {}
  }
}

/// The task waits in a stream whose other end was dropped without `finish()`.
@inline(never) func leakStreamReader(_ number: Int) {
  let (stream, continuation) = AsyncStream<Int>.makeStream()
  start("reader of an abandoned stream") {
    let baggage = makeBaggage(number)
    Truth.add(baggage, .leaked, "reader of an abandoned stream")
    Quiet.arrive()
    for await value in stream { baggage.bytes.append(UInt8(truncatingIfNeeded: value)) }
    withExtendedLifetime(baggage) {}
  }
  _ = continuation
}

/// Waits for a task that is itself lost.
@inline(never) func leakAwaiter(_ number: Int) {
  Quiet.expect()
  let lost = Task.detached { await loseContinuation(number) }
  Truth.add(lost, .leakedTask, "task that awaits a lost task")
  start("task that awaits a lost task") {
    let baggage = makeBaggage(number)
    Truth.add(baggage, .leaked, "task that awaits a lost task")
    Quiet.arrive()
    await lost.value
    withExtendedLifetime(baggage) {}
  }
}

/// A whole group hangs because one of its children does.
@inline(never) func leakGroup(_ number: Int) {
  start("group with a lost child") {
    let baggage = makeBaggage(number)
    Truth.add(baggage, .leaked, "group with a lost child")
    Quiet.expect()
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await loseContinuation(number) }
      group.addTask { Quiet.arrive() }
    }
    withExtendedLifetime(baggage) {}
  }
}

let taskLeaks: [Scenario] = [
  Scenario(name: "lost-continuation", isLeak: true, run: leakContinuation),
  Scenario(name: "lost-checked-continuation", isLeak: true, isExtra: true, run: leakCheckedContinuation),
  Scenario(name: "abandoned-stream", isLeak: true, run: leakStreamReader),
  Scenario(name: "awaits-lost", isLeak: true, run: leakAwaiter),
  Scenario(name: "lost-child", isLeak: true, run: leakGroup),
]
