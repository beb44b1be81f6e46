import Foundation
import Testing

@testable import LocalCache

/// Threads that read together, and what closes a shard to them.
@Suite struct ReaderTests {
  /// Runs closures in threads of their own and waits for all of them.
  private func inThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let group = DispatchGroup()
    for number in 0..<count {
      group.enter()
      Thread.detachNewThread {
        body(number)
        group.leave()
      }
    }
    group.wait()
  }

  @Test func livingThreadsHaveNumbersOfTheirOwn() {
    for _ in 0..<3 {
      let numbers = Locked<[UInt]>([])
      let waiting = Locked(0)
      inThreads(40) { _ in
        numbers.with { $0.append(ThisThread.number) }
        waiting.with { $0 += 1 }
        for _ in 0..<100_000 where waiting.current < 40 { usleep(100) }
      }
      #expect(Set(numbers.current).count == 40)
      // Those of threads that have ended are given out again: three rounds of forty need no more than some of the test's own beside.
      #expect(numbers.current.allSatisfy { $0 < 200 }, "\(numbers.current)")
    }
  }

  /// More threads than there are cells: the others read exclusively.
  @Test func moreThreadsThanCellsReadTheSame() {
    let cache = LocalCache<Int, Int>(name: "many", limit: .entries(1000))
    for key in 0..<1000 { cache.set(key, for: key) }
    let threads = Int(cache.cells.count) + 20
    let present = (0..<1000).filter(cache.contains)
    inThreads(threads) { number in
      for step in 0..<500 { #expect(cache.get(present[(number * 31 + step) % present.count]) != nil) }
    }
    #expect(cache.statistics.hits == UInt64(threads * 500))
  }

  /// A reader that was stopped in its section, by a signal or a debugger: those who wait for it sleep nearly all of the time.
  @Test(arguments: [40, 100_000])
  func whoWaitsForAReaderThatIsStoppedSleeps(reads: Int) {
    @Sendable func seconds(_ clock: clockid_t) -> Double {
      var time = timespec()
      clock_gettime(clock, &time)
      return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
    let cache = LocalCache<Int, [Int]>(name: "stopped", limit: .entries(100))
    cache.set([1], for: 1)
    for _ in 0..<reads { _ = cache.get(1) }
    let isIn = Locked(false)
    let writers = Locked(0)
    let shares = Locked<[Double]>([])
    inThreads(9) { number in
      guard number > 0 else {
        _ = cache.withValue(for: 1) { _ in
          isIn.with { $0 = true }
          // On a busy machine some come late.
          while writers.current < 8 { usleep(100) }
          usleep(4_000_000)
        }
        return
      }
      while !isIn.current { usleep(100) }
      writers.with { $0 += 1 }
      let begin = (cpu: seconds(CLOCK_THREAD_CPUTIME_ID), all: seconds(CLOCK_MONOTONIC))
      cache.set([number], for: 1)
      let took = seconds(CLOCK_MONOTONIC) - begin.all
      shares.with { $0.append((seconds(CLOCK_THREAD_CPUTIME_ID) - begin.cpu) / took) }
    }
    // In steps of 0.2 ms it would be some hundredths; in its first half-second a waiter sleeps in such.
    #expect(shares.current.reduce(0, +) / 8 < 0.01, "\(shares.current)")
  }

  /// Long reading opens a shard wide; a write that comes then finds no reader inside, and no reader finds half a value.
  @Test func writesAmongReadersThatMakeNoBarrier() {
    struct Pair: Sendable {
      let first: [Int]
      let second: [Int]
      init(_ number: Int) {
        first = [number, number]
        second = [number, number]
      }
    }
    var configuration = LocalCache<Int, Pair>.Configuration()
    configuration.shards = 1
    let cache = LocalCache<Int, Pair>(name: "wide", limit: .entries(1000), configuration: configuration)
    for key in 0..<100 { cache.set(Pair(key), for: key) }
    @Sendable func isWide() -> Bool { cache.shard(at: 0).pointee.lock.openState.load(ordering: .relaxed) == 2 }
    for step in 0..<20_000 { _ = cache.get(step % 100) }
    // Where the kernel makes no barrier for others, readers go on making their own.
    let canBeWide = isWide()
    let rounds = Locked(0)
    let wide = Locked(0)
    inThreads(3) { number in
      if number == 0 {
        for round in 0..<25 {
          // Writes are far apart, so that the shard opens in between.
          let next = rounds.current + 40_000
          while rounds.current < next, rounds.current < 10_000_000 { usleep(200) }
          if isWide() { wide.with { $0 += 1 } }
          for key in 0..<100 { cache.set(Pair(key + 1000 * round), for: key) }
        }
        rounds.with { $0 = .max / 2 }
      } else {
        while rounds.current < .max / 2 {
          for key in 0..<100 {
            guard let value = cache.get(key) else { continue }
            if value.first != value.second || value.first[0] % 1000 != key {
              Issue.record("\(value) for \(key)")
              // Nobody waits for this thread any more.
              rounds.with { $0 = .max / 2 }
              return
            }
          }
          rounds.with { $0 += 100 }
        }
      }
    }
    #expect(!canBeWide || wide.current > 0, "the shard was never open wide when a write came")
    #expect(cache.count == 100)
  }
}
