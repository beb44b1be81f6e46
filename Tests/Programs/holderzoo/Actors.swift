// holderzoo actors N M   an actor that is blocked while it runs a job, on which N tasks wait that it has sorted in and M that it has not, of two
//                        functions; and an idle one
import Glibc
import Synchronization

/// Lets as many jobs through as it has been told to.
final class Gate: Sendable {
  let entered = Atomic<Int>(0)
  let allowed = Atomic<Int>(0)

  func enter() {
    let number = entered.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
    while allowed.load(ordering: .sequentiallyConsistent) < number { usleep(1000) }
  }

  func waitForEntry(_ number: Int) {
    while entered.load(ordering: .sequentiallyConsistent) < number { usleep(1000) }
  }
}

actor Mailbox {
  private var letters: [[Int]] = []
  private let gate: Gate
  init(_ gate: Gate) { self.gate = gate }
  func block() { gate.enter() }
  func take(_ letter: [Int]) { letters.append(letter) }
}

let gate = Gate()
let mailbox = Mailbox(gate)
let unused = Mailbox(gate)
@MainActor private var started = 0
/// Handles of tasks near the beginning of the queue: a way to each that leads past the actor.
@MainActor private var firstTasks: [Task<Void, Never>] = []

@MainActor func deliver(_ number: Int) async {
  let letter = Array(repeating: number, count: 100)
  started += 1
  await mailbox.take(letter)
}

@MainActor func collect(_ number: Int) async {
  let letter = Array(repeating: number, count: 100)
  started += 1
  await mailbox.take(letter)
}

@MainActor func knock() async {
  started += 1
  await mailbox.block()
}

/// Tasks begin on the main thread, so that they need no other one to get into the queue.
@MainActor private func enqueue(_ count: Int, _ body: @escaping @MainActor @Sendable (Int) async -> Void) async {
  started = 0
  for number in 0..<count {
    let task = Task { @MainActor in await body(number) }
    if number == 0 { firstTasks.append(task) }
  }
  while started < count { await Task.yield() }
}

@MainActor func holdActors(_ sorted: Int, _ incoming: Int) async {
  Task.detached { await mailbox.block() }
  gate.waitForEntry(1)
  await enqueue(1) { _ in await knock() }
  await enqueue(sorted, deliver)
  // The actor takes all that has come before it runs the next job.
  gate.allowed.store(1, ordering: .sequentiallyConsistent)
  gate.waitForEntry(2)
  await enqueue(incoming, collect)
  print("unused \(UInt(bitPattern: Unmanaged.passUnretained(unused).toOpaque()))")
  ready()
  while true { sleep(100) }
}
