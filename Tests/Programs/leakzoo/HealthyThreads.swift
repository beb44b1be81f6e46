import Foundation

// Objects that only a thread knows: its stack, its registers, its thread-local values.

/// A thread that runs `body` and never ends.
@inline(never) func startThread(_ number: Int, _ body: @escaping @Sendable (Int) -> Void) {
  Quiet.expect()
  let thread = Thread { body(number) }
  thread.stackSize = 256 << 10
  thread.start()
}

/// Blocks for good, in a way that the compiler cannot know.
@inline(never) @_optimize(none)
func sleepForGood() {
  Quiet.arrive()
  DispatchSemaphore(value: 0).wait()
}

@inline(never) @_optimize(none)
@Sendable func holdOnStack(_ number: Int) {
  let baggage = makeBaggage(number)
  let list = [makeBaggage(number), makeBaggage(number)]
  Truth.add(baggage, .healthy, "stack of a thread")
  for item in list { Truth.add(item, .healthy, "stack of a thread") }
  sleepForGood()
  baggage.bytes.append(UInt8(list.count))
}

/// Raw memory on the stack, with a pointer to raw memory.
@inline(never) @_optimize(none)
@Sendable func holdInTemporary(_ number: Int) {
  withUnsafeTemporaryAllocation(of: UInt.self, capacity: 64) { slots in
    slots.initialize(repeating: 0)
    let block = malloc(100)
    slots[40] = UInt(bitPattern: block) + 16
    Truth.add(UInt(bitPattern: block), .healthy, "interior pointer on a stack")
    sleepForGood()
    free(block)
  }
}

/// The value of one key. Keys past the 32nd live in a table of their own.
@inline(never) @_optimize(none)
@Sendable func holdInKey(_ number: Int) {
  setKey(number)
  _ = scrub()
  sleepForGood()
}

enum Keys {
  nonisolated(unsafe) static var all: [pthread_key_t] = (0..<40).map { _ in
    var key = pthread_key_t()
    pthread_key_create(&key, nil)
    return key
  }
}

@inline(never) @_optimize(none)
func setKey(_ number: Int) {
  let baggage = makeBaggage(number)
  Truth.add(baggage, .healthy, "pthread_setspecific")
  let key = Keys.all[number % 2 == 0 ? 1 : 39]
  pthread_setspecific(key, Unmanaged.passRetained(baggage).toOpaque())
}

@inline(never) @_optimize(none)
@Sendable func holdInThreadDictionary(_ number: Int) {
  setInDictionary(number)
  _ = scrub()
  sleepForGood()
}

@inline(never) @_optimize(none)
func setInDictionary(_ number: Int) {
  let baggage = makeBaggage(number)
  Truth.add(baggage, .healthy, "Thread.threadDictionary")
  Thread.current.threadDictionary["baggage"] = baggage
}

/// Ends at once: its stack is kept by the system for the next thread and must not count.
@inline(never) func endThread(_ number: Int) {
  Quiet.expect()
  let thread = Thread {
    _ = scrub()
    Quiet.arrive()
  }
  thread.start()
}

let healthyThreads: [Scenario] = [
  Scenario(name: "stack", isLeak: false, weight: 0.1, run: { startThread($0, holdOnStack) }),
  Scenario(name: "stack-memory", isLeak: false, weight: 0.1, run: { startThread($0, holdInTemporary) }),
  Scenario(name: "thread-key", isLeak: false, weight: 0.1, run: { startThread($0, holdInKey) }),
  Scenario(name: "thread-dictionary", isLeak: false, weight: 0.1, run: { startThread($0, holdInThreadDictionary) }),
  Scenario(name: "ended-threads", isLeak: false, weight: 0.1, run: endThread),
]
