import Foundation

/// Memory that is work in hand: it follows the load and comes back.
final class InFlightService: Service {
  var inFlight: [UnsafeMutableRawPointer] = []
  init() {}
  func turn(_ number: Int) -> Int {
    // Large blocks are mapped and unmapped, so that resident memory follows.
    let wanted = [10, 25, 60, 40, 80, 20, 5, 50, 30, 70][number * 7 % 10]
    while inFlight.count < wanted {
      guard let block = malloc(400_000) else { break }
      memset(block, 1, 400_000)
      inFlight.append(block)
    }
    while inFlight.count > wanted { free(inFlight.removeLast()) }
    return wanted
  }
}

/// A cache with a bound.
final class WarmUpService: Service {
  var entries: [Payload] = []
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<80 where entries.count < 1200 { entries.append(Payload(12_000)) }
    return 100
  }
}

/// A buffer that fills and is flushed.
final class SawtoothService: Service {
  var blocks: [UnsafeMutableRawPointer] = []
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    if number % 5 == 4 {
      for block in blocks { free(block) }
      blocks.removeAll()
    } else if let block = malloc(2_000_000) {
      memset(block, 1, 2_000_000)
      blocks.append(block)
    }
    return 100
  }
}

final class SteadyService: Service {
  let table = (0..<2000).map { Payload($0) }
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    return 100
  }
}

/// A burst on many threads at the start, of which little is left.
final class ArenaService: Service {
  let gate = DispatchSemaphore(value: 0)
  init() {
    let ready = DispatchSemaphore(value: 0)
    let freed = DispatchSemaphore(value: 0)
    let go = DispatchSemaphore(value: 0)
    let gate = gate
    // More threads than cores make an arena each, up to eight a core.
    for _ in 0..<8 {
      Thread.detachNewThread {
        var blocks: [UnsafeMutableRawPointer] = []
        for _ in 0..<6_000 {
          if let block = malloc(2_000) {
            memset(block, 1, 2_000)
            blocks.append(block)
          }
        }
        let survivor = malloc(2_000)
        ready.signal()
        go.wait()
        for block in blocks { free(block) }
        freed.signal()
        gate.wait()
        free(survivor)
      }
    }
    for _ in 0..<8 { ready.wait() }
    for _ in 0..<8 { go.signal() }
    for _ in 0..<8 { freed.wait() }
  }
  func turn(_ number: Int) -> Int {
    churn()
    return 100
  }
}

/// One large request whose last block survives at the end of the main arena.
final class PinnedService: Service {
  let survivor: UnsafeMutableRawPointer?
  init() {
    var blocks: [UnsafeMutableRawPointer] = []
    for _ in 0..<40_000 {
      if let block = malloc(2_000) {
        memset(block, 1, 2_000)
        blocks.append(block)
      }
    }
    survivor = malloc(2_000)
    for block in blocks { free(block) }
  }
  func turn(_ number: Int) -> Int {
    churn()
    return 100
  }
}

/// Work in hand that goes with the hour: busy by day, nearly idle at night. One turn is ten minutes.
final class DailyService: Service {
  var inFlight: [UnsafeMutableRawPointer] = []
  init() {}
  func turn(_ number: Int) -> Int {
    let hour = Double(number % 144) / 6
    let wanted = Int(max(0, sin((hour - 6) / 24 * 2 * .pi)) * 60) + number * 7 % 3
    while inFlight.count < wanted, let block = malloc(400_000) {
      memset(block, 1, 400_000)
      inFlight.append(block)
    }
    while inFlight.count > wanted { free(inFlight.removeLast()) }
    return wanted * 10
  }
}

/// Traffic that rises for a while and then stays: what is in hand rises with it.
final class PlateauService: Service {
  var inFlight: [UnsafeMutableRawPointer] = []
  init() {}
  func turn(_ number: Int) -> Int {
    let wanted = min(number * 4, 60) + number * 7 % 5
    while inFlight.count < wanted, let block = malloc(400_000) {
      memset(block, 1, 400_000)
      inFlight.append(block)
    }
    while inFlight.count > wanted { free(inFlight.removeLast()) }
    return wanted
  }
}
