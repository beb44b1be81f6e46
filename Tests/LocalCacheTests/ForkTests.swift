import Foundation
import LocalCache
import Testing

/// The child of a fork has the caches of its parent, and one thread: those that used a cache in the parent do not end what they had begun.
@Suite struct ForkTests {
  @Test(arguments: [40, 100_000])
  func threadsThatWereReadingAreNotWaitedFor(reads: Int) async {
    // Few threads, of which none holds a lock of the runtime.
    let result = await #expect(processExitsWith: .success) { [reads] in
      let cache = LocalCache<Int, Int>(name: "read", limit: .entries(100))
      cache.set(1, for: 1)
      for _ in 0..<reads { _ = cache.get(1) }
      borrow(cache)
      let status = inChild {
        // Writes, and reads after that under the numbers of threads that are no more.
        for value in 0..<200 {
          cache.set(value, for: 1)
          guard cache.get(1) == value, cache.withValue(for: 1, { $0 }) == value else { _exit(2) }
        }
      }
      exit(status == 0 ? 0 : 1)
    }
    #expect(result != nil)
  }

  /// What was being changed cannot be used, and that is said, instead of waiting for ever.
  @Test func aThreadThatWasChangingEndsTheChildWithAMessage() async {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      let cache = LocalCache<Int, Int>(name: "changed", limit: .entries(100))
      cache.set(1, for: 1)
      // The first reads are exclusive.
      borrow(cache)
      let status = inChild { cache.set(2, for: 1) }
      exit(status != 0 && status & 0x7F != SIGALRM ? 0 : 1)
    }
    let words = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(words.contains("was forked while another thread changed this cache"), "\(words)")
  }

  /// What another thread was making nobody makes in the child.
  @Test func whatAnotherThreadWasMakingIsMadeAnew() async {
    let result = await #expect(processExitsWith: .success) {
      let cache = LocalCache<Int, Int>(name: "made", limit: .entries(100)) { $0.loading.timeout = nil }
      let isIn = DispatchSemaphore(value: 0)
      Thread.detachNewThread {
        _ = try? cache.value(for: 1) {
          isIn.signal()
          sleep(600)
          return -1
        }
      }
      isIn.wait()
      let status = inChild {
        guard (try? cache.value(for: 1) { 5 }) == 5, cache.get(1) == 5 else { _exit(2) }
      }
      exit(status == 0 ? 0 : 1)
    }
    #expect(result != nil)
  }

  /// What lies behind locks of the system, as the statistics do, is no different.
  @Test func statisticsThatWereBeingChangedEndTheChildWithAMessage() async {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      _ = LocalCache<Int, Int>(name: "any", limit: .entries(100))
      final class Both: Sendable { let held = Guarded(0), free = Guarded(0) }
      let both = Both()
      let isIn = DispatchSemaphore(value: 0)
      Thread.detachNewThread {
        both.held.withLock { _ in
          isIn.signal()
          sleep(600)
        }
      }
      isIn.wait()
      let works = inChild {
        for _ in 0..<3 { both.free.withLock { $0 += 1 } }
        let inGrandchild = inChild { both.free.withLock { $0 += 1 } }
        _exit(both.free.withLock { $0 } == 3 && inGrandchild == 0 ? 0 : 2)
      }
      let ends = inChild { both.held.withLock { $0 += 1 } }
      exit(works == 0 && ends != 0 && ends & 0x7F != SIGALRM ? 0 : 1)
    }
    let words = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(words.contains("was forked while another thread changed this cache"), "\(words)")
  }
}

/// A thread of its own borrows a value, and keeps it.
private func borrow(_ cache: LocalCache<Int, Int>) {
  let isIn = DispatchSemaphore(value: 0)
  Thread.detachNewThread {
    _ = cache.withValue(for: 1) { _ in
      isIn.signal()
      sleep(600)
    }
  }
  isIn.wait()
}

/// The status of a child process that does this; ten seconds at most.
private func inChild(_ body: () -> Void) -> Int32 {
  // Swift does not offer it, for reasons that these tests are about.
  guard let symbol = dlsym(nil, "fork") else { return -1 }
  let child = unsafeBitCast(symbol, to: (@convention(c) () -> pid_t).self)()
  if child == 0 {
    // Threads of Swift's pool let no signals through.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGALRM)
    sigprocmask(SIG_UNBLOCK, &signals, nil)
    alarm(10)
    body()
    _exit(0)
  }
  var status: Int32 = -1
  waitpid(child, &status, 0)
  return status
}
