import Foundation

/// Work that comes faster than it is done: closures at the end of an array, taken from its begin.
final class JobService: Service {
  var jobs: [() -> Void] = []
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<60 {
      let payload = Payload(2_000)
      jobs.append { payload.bytes[0] &+= 1 }
    }
    for _ in 0..<10 { jobs.removeFirst()() }
    return 60
  }
}

/// Handlers by event that nobody removes, in lists inside of a table. Another variable has the newest list as well, so that no field leads to it alone.
final class EmitterService: Service {
  final class Emitter {
    var handlers: [String: [() -> Void]] = [:]
  }
  let emitter = Emitter()
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    newestHandlers = nil
    for _ in 0..<60 {
      let payload = Payload(2_000)
      emitter.handlers["shutdown", default: []].append { payload.bytes[0] &+= 1 }
    }
    newestHandlers = emitter.handlers["shutdown"]
    return 60
  }
}

nonisolated(unsafe) var newestHandlers: [() -> Void]?

/// Buffers with room for much more than is ever written to them.
final class RoomyBufferService: Service {
  var buffers: [[UInt8]] = []
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for index in 0..<4 {
      var buffer: [UInt8] = []
      buffer.reserveCapacity(4 << 20)
      buffer.append(contentsOf: repeatElement(UInt8(truncatingIfNeeded: number &* 4 &+ index), count: 60_000))
      buffers.append(buffer)
    }
    return 4
  }
}

/// A ring buffer of optionals, of whose places three are in use.
final class RingService: Service {
  struct Line {
    var text: String
    var number: Int
  }
  var ring = ContiguousArray<Line?>(repeating: nil, count: 4096)
  init() {
    for place in 5..<8 { ring[place] = Line(text: String(repeating: "a line, \(place) ", count: 9), number: 0) }
  }
  func turn(_ number: Int) -> Int { 1 }
}
