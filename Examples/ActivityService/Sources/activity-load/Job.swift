import Glibc
import Synchronization

/// The work that all connections share.
final class Job: Sendable {
  private let port: UInt16
  private let schedule: Schedule
  private let ids: IDs
  private let perConnection: Int
  private let touchEvery: Int
  private let start = ContinuousClock.now
  private let next = Atomic<Int>(0)
  private let failed = Atomic<Int>(0)
  private let latencies = Mutex(LatencyHistogram())

  init(port: UInt16, schedule: Schedule, ids: IDs, perConnection: Int, touchEvery: Int) {
    self.port = port
    self.schedule = schedule
    self.ids = ids
    self.perConnection = perConnection
    self.touchEvery = touchEvery
  }

  func startThread() -> pthread_t? {
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(self).toOpaque()
    let code = pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().run() }
        return nil
      }, argument)
    if code != 0 { Unmanaged<Job>.fromOpaque(argument).release() }
    return code == 0 ? thread : nil
  }

  private func run() {
    var connection = Connection(port: port)
    var used = 0
    // A server that does not keep up is not waited for: the day ends when it ends.
    while seconds(since: start) < schedule.seconds {
      let number = next.add(1, ordering: .relaxed).oldValue
      guard number < schedule.count else { return }
      let due = start + .seconds(schedule.time(of: number))
      wait(until: due)
      if connection == nil || perConnection > 0 && used >= perConnection {
        connection = Connection(port: port)
        used = 0
      }
      used += 1
      if send(number, over: connection) {
        latencies.withLock { $0.add(seconds(since: due)) }
      } else {
        failed.add(1, ordering: .relaxed)
        connection = nil
        // Not as fast as possible against a server that is gone.
        usleep(50_000)
      }
    }
  }

  private func send(_ number: Int, over connection: Connection?) -> Bool {
    guard let connection else { return false }
    let id = ids.id(of: number)
    if touchEvery > 0, number % touchEvery == touchEvery - 1 {
      return connection.send("POST", "/users/\(id)/touch")
    }
    return connection.send("GET", "/users/\(id)/activities")
  }

  private func seconds(since instant: ContinuousClock.Instant) -> Double {
    let duration = (ContinuousClock.now - instant).components
    return Double(duration.seconds) + Double(duration.attoseconds) / 1e18
  }

  private func wait(until due: ContinuousClock.Instant) {
    let left = -seconds(since: due)
    if left > 0 { usleep(UInt32(min(left, schedule.seconds) * 1e6)) }
  }

  func result() -> LoadResult {
    latencies.withLock {
      LoadResult(
        planned: schedule.count, failed: failed.load(ordering: .relaxed), seconds: seconds(since: start), latencies: $0)
    }
  }
}
