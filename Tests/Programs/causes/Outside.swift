import Foundation

/// Threads that are begun and wait for ever.
final class ThreadService: Service {
  let gate = DispatchSemaphore(value: 0)
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<2 {
      let gate = gate
      Thread.detachNewThread { gate.wait() }
    }
    return 2
  }
}

/// Pipes of child processes that nobody closes.
final class PipeService: Service {
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<4 {
      var ends: [Int32] = [0, 0]
      _ = pipe(&ends)
    }
    return 4
  }
}

/// Anonymous memory that is mapped by hand.
final class MappingService: Service {
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    let size = 300_000
    if let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), memory != MAP_FAILED {
      memset(memory, 1, size)
    }
    return 1
  }
}

/// Shared segments that are never unmapped.
final class SharedService: Service {
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    let size = 300_000
    if let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), memory != MAP_FAILED {
      memset(memory, 1, size)
    }
    return 1
  }
}
