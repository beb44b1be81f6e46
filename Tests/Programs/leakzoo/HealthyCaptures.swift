// Values in closures: their offsets are written down nowhere, so whoever lays out one capture wrongly misses all behind it.

/// Generic, but of one size: each case is one pointer, whatever the argument is.
enum Branch<Value> {
  case one(Cell<Value>)
  case many([Value])
}

struct Fork<Value> {
  var branch: Branch<Value>
  var baggage: Baggage
}

/// One payload that changes in size, and one that does not.
enum Mixed<Value> {
  case value(Value)
  case reference(Baggage)
}

@inline(never) @_optimize(none) func look<Value>(at value: Value) -> Int { MemoryLayout<Value>.size }

@inline(never) func holdCaptures(_ number: Int) {
  let fork = Fork<Int>(branch: .many([number]), baggage: Baggage(number))
  let mixed: Mixed<Int16> = .value(3)
  let identifier: ObjectIdentifier? = number % 2 == 0 ? nil : ObjectIdentifier(Baggage.self)
  let behind = (0..<3).map { Baggage($0) }
  let (afterFork, afterMixed, afterIdentifier) = (behind[0], behind[1], behind[2])
  Store.handlers += [
    Handler { look(at: fork) + look(at: afterFork) + number },
    Handler { look(at: mixed) + look(at: afterMixed) },
    Handler { look(at: identifier) + look(at: afterIdentifier) },
  ]
  Truth.add(fork.baggage, .healthy, "behind a generic enum of one size")
  Truth.add(afterFork, .healthy, "capture behind a generic enum of one size")
  Truth.add(afterMixed, .healthy, "capture behind a generic enum")
  Truth.add(afterIdentifier, .healthy, "capture behind an optional identifier")
}

/// Variables of one size without references share a description, which calls the second one an integer like the first.
@inline(never) func holdVariables(_ number: Int) {
  var counter = number
  var memory = UnsafeMutablePointer<Int>.allocate(capacity: 20)
  var unmanaged = Unmanaged.passRetained(Baggage(number))
  Truth.add(UInt(bitPattern: memory), .healthy, "pointer in a captured variable")
  Truth.add(unmanaged.takeUnretainedValue(), .healthy, "unmanaged reference in a captured variable")
  Store.handlers += [
    Handler {
      counter += 1
      return counter
    },
    Handler {
      memory += counter > 0 ? 0 : 1
      return memory.pointee
    },
    Handler {
      if counter < 0 { unmanaged = .passRetained(Baggage(counter)) }
      return look(at: unmanaged)
    },
  ]
}

let healthyCaptures: [Scenario] = [
  Scenario(name: "captures", isLeak: false, run: holdCaptures),
  Scenario(name: "variables", isLeak: false, run: holdVariables),
]
