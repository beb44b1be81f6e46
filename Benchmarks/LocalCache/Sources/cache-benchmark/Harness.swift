import Foundation
import Synchronization

/// Throughput and memory, measured so that other programs on the machine disturb little: many short slices, of which the best counts.
enum Harness {
  static func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Millions of operations a second of all threads together. The body gets the thread's number, the slice, and how many operations to do.
  static func throughput(
    threads: Int, operations: Int = 50_000, slices: Int = 60, _ body: @escaping @Sendable (Int, Int, Int) -> Int
  ) -> Double {
    let arrived = Box(Atomic<Int>(0))
    let sink = Box(Atomic<Int>(0))
    let times = UnsafeMutablePointer<UInt64>.allocate(capacity: threads * slices * 2)
    nonisolated(unsafe) let shared = times
    let group = DispatchGroup()
    for thread in 0..<threads {
      group.enter()
      Thread.detachNewThread {
        for slice in 0..<slices {
          arrived.value.add(1, ordering: .acquiringAndReleasing)
          while arrived.value.load(ordering: .acquiring) < threads * (slice + 1) {}
          shared[(slice * threads + thread) * 2] = nanoseconds()
          let result = body(thread, slice, operations)
          shared[(slice * threads + thread) * 2 + 1] = nanoseconds()
          sink.value.add(result, ordering: .relaxed)
        }
        group.leave()
      }
    }
    group.wait()
    var best = 0.0
    for slice in 0..<slices {
      let rows = (0..<threads).map { (times[(slice * threads + $0) * 2], times[(slice * threads + $0) * 2 + 1]) }
      let elapsed = (rows.map(\.1).max() ?? 1) - (rows.map(\.0).min() ?? 0)
      best = max(best, Double(operations * threads) / Double(max(elapsed, 1)) * 1000)
    }
    times.deallocate()
    return best
  }

  /// Nanoseconds of one call, best of some.
  static func best(_ repetitions: Int, _ body: () -> Void) -> Double {
    var best = Double.infinity
    for _ in 0..<repetitions {
      let start = nanoseconds()
      body()
      best = min(best, Double(nanoseconds() - start))
    }
    return best
  }

  /// Bytes that malloc has given out, by its own books; 0 where it keeps none. `mallinfo2` is not in the C library's module, so it is looked up
  /// by name: ten words, `uordblks` the eighth and `hblkhd` the fifth, returned through a pointer in the first argument.
  static func allocated() -> Int {
    guard let symbol = dlsym(nil, "mallinfo2") else { return 0 }
    let function = unsafeBitCast(
      symbol, to: (@convention(c) (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer?).self)
    var words = [Int](repeating: 0, count: 10)
    words.withUnsafeMutableBytes { if let start = $0.baseAddress { _ = function(start) } }
    return words[7] + words[4]
  }
}

final class Box<Value: ~Copyable & Sendable>: Sendable {
  let value: Value
  init(_ value: consuming Value) { self.value = value }
}

extension String {
  /// This text, and spaces up to so many characters.
  func padding(_ width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
