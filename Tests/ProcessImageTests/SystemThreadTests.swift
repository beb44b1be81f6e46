import Foundation
import ProcessImage
import Synchronization
import Testing

/// Threads beside Swift's pool.
struct SystemThreadTests {
  private final class Kept: Sendable {
    let thread = Mutex<pthread_t?>(nil)
  }

  @Test func runsOnAThreadOfItsOwnAndLetsGoOfWhatItCaptured() throws {
    weak var gone: Kept?
    var ran: pthread_t?
    do {
      let kept = Kept()
      gone = kept
      let thread = try #require(SystemThread { kept.thread.withLock { $0 = pthread_self() } })
      thread.join()
      ran = kept.thread.withLock { $0 }
    }
    #expect(ran != nil && ran != pthread_self())
    #expect(gone == nil)
  }

  /// Each number once, whoever takes it, and all of them before it returns.
  @Test(arguments: [0, 1, 2, 7, 100]) func aTeamDoesEachPartOnce(count: Int) {
    let done = Mutex<[Int]>([])
    ThreadTeam.perform(count) { index in done.withLock { $0.append(index) } }
    #expect(done.withLock { $0.sorted() } == Array(0..<count))
  }

  @Test func aDetachedOneGoesOnAfterItsHandle() throws {
    let done = DispatchSemaphore(value: 0)
    let go = DispatchSemaphore(value: 0)
    do {
      let thread = try #require(
        SystemThread {
          go.wait()
          done.signal()
        })
      thread.detach()
    }
    go.signal()
    #expect(done.wait(timeout: .now() + 600) == .success)
  }
}
