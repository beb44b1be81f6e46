import Dispatch
import LocalCache

/// What loads leave behind that have long ended, in a cache whose time limit for them is not over.
enum LoadMemory {
  /// One line: loads, and bytes that malloc has given out more than before them.
  static func run() {
    let done = DispatchSemaphore(value: 0)
    Task.detached {
      let cache = LocalCache<Int, Int>(name: "loads", limit: .entries(100))
      await loads(of: cache, rounds: 50)
      let before = MallocCounters.now?.inUse ?? 0
      await loads(of: cache, rounds: 300)
      print("\(300 * 100)\t\((MallocCounters.now?.inUse ?? 0) - before)")
      done.signal()
    }
    done.wait()
  }

  /// A hundred at a time, each of which waits for something.
  private static func loads(of cache: LocalCache<Int, Int>, rounds: Int) async {
    await withTaskGroup(of: Void.self) { group in
      for lane in 0..<100 {
        group.addTask {
          for round in 0..<rounds {
            _ = try? await cache.value(for: lane * 1_000_000 + round) { key in
              try await Task.sleep(for: .milliseconds(1))
              return key
            }
            cache.remove(lane * 1_000_000 + round)
          }
        }
      }
    }
  }
}
