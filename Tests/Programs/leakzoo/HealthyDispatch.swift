import Dispatch
import Foundation
import Synchronization

// Objects that only libdispatch knows.

enum Dispatched {
  static let queues = Mutex<[DispatchQueue]>([])
  nonisolated(unsafe) static var timers: [any DispatchSourceTimer] = []
  static let groups = Mutex<[DispatchGroup]>([])
  nonisolated(unsafe) static var data: [DispatchData] = []
}

@inline(never) func holdSuspendedQueue(_ number: Int) {
  let queue = DispatchQueue(label: "suspended \(number)")
  queue.suspend()
  for _ in 0..<3 {
    let baggage = makeBaggage(number)
    Truth.add(baggage, .healthy, "suspended queue")
    queue.async { baggage.bytes.append(1) }
  }
  let barrier = makeBaggage(number)
  Truth.add(barrier, .healthy, "suspended queue")
  let item = DispatchWorkItem(flags: .barrier) { barrier.bytes.append(2) }
  queue.async(execute: item)
  Dispatched.queues.withLock { $0.append(queue) }
}

@inline(never) func holdTimer(_ number: Int) {
  let timer = DispatchSource.makeTimerSource(queue: .global())
  let baggage = makeBaggage(number)
  Truth.add(baggage, .healthy, "timer")
  timer.setEventHandler { baggage.bytes.append(1) }
  timer.schedule(deadline: .now() + 100_000, repeating: 100_000)
  timer.resume()
  Dispatched.timers.append(timer)
}

/// Nothing but its own handler holds the timer, and libdispatch's heap of timers.
@inline(never) func holdSelfTimer(_ number: Int) {
  let timer = DispatchSource.makeTimerSource(queue: .global())
  let baggage = makeBaggage(number)
  Truth.add(baggage, .healthy, "timer that holds itself")
  timer.setEventHandler {
    baggage.bytes.append(1)
    timer.cancel()
  }
  timer.schedule(deadline: .now() + 100_000 + Double(number))
  timer.resume()
}

@inline(never) func holdAfter(_ number: Int) {
  let baggage = makeBaggage(number)
  Truth.add(baggage, .healthy, "asyncAfter")
  DispatchQueue.global().asyncAfter(deadline: .now() + 100_000 + Double(number)) { baggage.bytes.append(1) }
}

@inline(never) func holdGroup(_ number: Int) {
  let group = DispatchGroup()
  group.enter()
  let baggage = makeBaggage(number)
  Truth.add(baggage, .healthy, "group notification")
  group.notify(queue: .global()) { baggage.bytes.append(1) }
  Dispatched.groups.withLock { $0.append(group) }
}

/// The read end of a pipe that never gets data: only the kernel's event list and libdispatch know the handler.
@inline(never) func holdReader(_ number: Int) {
  var ends: [Int32] = [0, 0]
  guard pipe(&ends) == 0 else { return }
  let source = DispatchSource.makeReadSource(fileDescriptor: ends[0], queue: .global())
  let baggage = makeBaggage(number)
  Truth.add(baggage, .healthy, "read source that holds itself")
  source.setEventHandler {
    baggage.bytes.append(1)
    source.cancel()
  }
  source.resume()
}

@inline(never) func holdDispatchData(_ number: Int) {
  let bytes = [UInt8](repeating: 3, count: 3_000)
  let first = bytes.withUnsafeBytes { DispatchData(bytes: $0) }
  var joined = first
  joined.append(first)
  Dispatched.data += [first, joined.subdata(in: 100..<5_000)]
  first.withUnsafeBytes { (pointer: UnsafePointer<UInt8>) in
    Truth.add(UInt(bitPattern: pointer), .healthy, "DispatchData")
  }
}

/// Blocks that already run, each on a thread of its own that waits.
@inline(never) func holdRunningBlock(_ number: Int) {
  Quiet.expect()
  let queue = DispatchQueue(label: "running \(number)")
  queue.async {
    let baggage = makeBaggage(number)
    Truth.add(baggage, .healthy, "running block")
    Quiet.arrive()
    DispatchSemaphore(value: 0).wait()
    baggage.bytes.append(1)
  }
}

let healthyDispatch: [Scenario] = [
  Scenario(name: "suspended-queue", isLeak: false, run: holdSuspendedQueue),
  Scenario(name: "timer", isLeak: false, run: holdTimer),
  Scenario(name: "self-timer", isLeak: false, run: holdSelfTimer),
  Scenario(name: "async-after", isLeak: false, run: holdAfter),
  Scenario(name: "dispatch-group", isLeak: false, run: holdGroup),
  Scenario(name: "read-source", isLeak: false, weight: 0.1, run: holdReader),
  Scenario(name: "dispatch-data", isLeak: false, run: holdDispatchData),
  Scenario(name: "running-block", isLeak: false, weight: 0.1, run: holdRunningBlock),
]
