import Testing

@testable import LocalCache

/// Loads in great numbers: what one costs does not depend on how many there are.
@Suite struct LoadingManyTests {
  struct Broken: Error {}

  /// All of them heed no cancellation; each ends on time, and leaves the queue.
  @Test func thousandsThatNeverReturnEndOnTime() async throws {
    let cache = loadingCache { $0.timeout = .milliseconds(100) }
    let gate = Gate()
    let begin = ContinuousClock.now
    let timedOut = await withTaskGroup(of: Bool.self) { group in
      for key in 0..<3000 {
        group.addTask {
          do { _ = try await cache.value(for: key) { await gate.pass($0) } } catch LocalCacheError.loadTimedOut {
            return true
          } catch {}
          return false
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(timedOut == 3000 && cache.statistics.failedLoads == 3000)
    #expect(ContinuousClock.now - begin >= .milliseconds(100))
    #expect(cache.loader.state.withLock { $0.timed.first == nil && $0.flights.isEmpty })
    gate.open()
    #expect(try await cache.value(for: 1) { -$0 } == -1, "a late value is dropped")
  }

  /// Limits hold for each load from its own beginning, whichever ends before it.
  @Test func eachHasItsOwnTime() async throws {
    let cache = loadingCache { $0.timeout = .milliseconds(300) }
    let gate = Gate()
    @Sendable func time(_ key: Int) async -> Duration {
      let begin = ContinuousClock.now
      await #expect(throws: LocalCacheError.self) { try await cache.value(for: key) { await gate.pass($0) } }
      return ContinuousClock.now - begin
    }
    async let first = time(1)
    for key in 10..<20 { _ = try await cache.value(for: key) { $0 } }
    try await Task.sleep(for: .milliseconds(150))
    async let second = time(2)
    #expect(await first >= .milliseconds(300))
    #expect(await second >= .milliseconds(300))
    gate.open()
  }

  /// The order of leaving is any; who is first is always the oldest that is left.
  @Test func theQueueKeepsTheOrder() {
    var random = Generator(state: 11)
    for _ in 0..<200 {
      var queue = FlightQueue<Int, Int>()
      let flights = (0..<8).map { Flight<Int, Int>(keys: [$0], kind: .wanted) }
      for flight in flights { queue.append(flight, begin: .now) }
      var left = flights
      for flight in flights.shuffled(using: &random) {
        queue.remove(flight)
        queue.remove(flight)
        left.removeAll { $0 === flight }
        #expect(queue.first === left.first)
      }
      queue.append(flights[3], begin: .now)
      #expect(queue.first === flights[3])
      queue.remove(flights[3])
    }
  }

  /// Who came first is resumed first: nobody is overtaken, and of a task group of children a hundred thousand end a hundred times as fast that way.
  @Test func thoseWhoWaitGoOnInTheirOrder() async {
    final class State: Sendable { let flight = Guarded(Flight<Int, Int>(keys: [1], kind: .wanted)) }
    let state = State()
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<100 {
        group.addTask {
          _ = try? await withCheckedThrowingContinuation { continuation in
            state.flight.withLock { $0.waiters[UInt64(number)] = .one(number, continuation) }
          }
        }
      }
      await until { state.flight.withLock { $0.waiters.count == 100 } }
      let waiters = state.flight.withLock { $0.takeWaiters() }
      let order = waiters.map { waiter in
        if case .one(let key, _) = waiter { key } else { -1 }
      }
      #expect(order == Array(0..<100) && state.flight.withLock { $0.waiters.isEmpty })
      for waiter in waiters { waiter.resume(with: .failure(CancellationError())) }
    }
  }

  /// Nobody waits for the load any more when its turn comes.
  @Test func aLoadThatNobodyWantsDoesNotBegin() async {
    let loader = Loader<Int, Int>(
      cache: "cancelled", settings: CacheLoading(), time: CacheTime(clock: nil, longestLifetime: .zero))
    let flight = Flight<Int, Int>(keys: [1], kind: .wanted)
    flight.result = .failure(CancellationError())
    #expect(!loader.beginTime(of: flight) {})
    #expect(loader.state.withLock { $0.timed.first == nil && !$0.timed.isWatched })
  }

  /// One that is full of what is of use looks through itself once for a tenth of its size, not once for each note that finds no room.
  @Test func notesOfKeysAreBoundedInNumberAndPrice() {
    var notes = KeyNotes<Int, Int>(maximum: 1000)
    var looked = 0
    func insert(_ keys: Range<Int>, until end: Int, at now: Int) {
      for key in keys {
        notes.insert(end, for: key) { note in
          looked += 1
          return note > now
        }
      }
    }
    insert(0..<1000, until: 5, at: 0)
    insert(1000..<2000, until: 5, at: 0)
    #expect(notes[999] == 5 && notes[1000] == nil)
    #expect(looked <= 11_000, "\(looked) notes were looked at for a thousand that found no room")
    insert(0..<1, until: 6, at: 0)
    #expect(notes[0] == 6, "one that is there already is replaced")
    insert(2000..<2200, until: 9, at: 5)
    #expect(notes[2199] == 9 && notes[5] == nil && notes[0] == 6)
    notes.remove(0)
    #expect(notes[0] == nil)
  }

  /// A call for many keys that are all on their way, each alone, holds nobody up.
  @Test func manyFlightsOfOneCall() async throws {
    func work(_ count: Int) async throws -> Duration {
      let cache = loadingCache { $0.batchSize = .max }
      let gate = Gate()
      let alone = (0..<count).map { key in Task { try await cache.value(for: key) { await gate.pass($0) } } }
      await until { cache.loader.state.withLock { $0.flights.count == count } }
      let begin = ContinuousClock.now
      let batch = Task { try await cache.values(for: 0..<count) { _ in [:] } }
      await until {
        cache.loader.state.withLock { $0.flights.values.allSatisfy { $0.waiters.count + $0.expected == 2 } }
      }
      let time = ContinuousClock.now - begin
      gate.open()
      #expect(try await batch.value.count == count)
      for task in alone { #expect(try await task.value < count) }
      return time
    }
    let few = try await work(500)
    let many = try await work(8000)
    #expect(many < max(few, .milliseconds(5)) * 80, "\(few) for 500 and \(many) for 8,000")
  }

  /// Loads in the background do not keep a cache, and find it gone when they end; those who wait keep it until they have what they asked for.
  @Test func aCacheIsLetGoWithLoadsOnTheirWay() async throws {
    let gate = Gate()
    weak var released: LocalCache<Int, Int>?
    let waiting: [Task<Int, any Error>]
    do {
      let cache = loadingCache { $0.refreshAfter = .milliseconds(1) }
      released = cache
      for key in 0..<100 { cache.refresh(key) { await gate.pass($0) } }
      waiting = (100..<200).map { key in Task { try await cache.value(for: key) { await gate.pass($0) } } }
      await until { gate.waiting == 200 }
      for task in waiting.prefix(50) { task.cancel() }
    }
    for task in waiting.prefix(50) { await #expect(throws: CancellationError.self) { try await task.value } }
    #expect(released != nil)
    gate.open()
    for task in waiting.dropFirst(50) { #expect(try await task.value >= 150) }
    await until { released == nil }
  }
}
