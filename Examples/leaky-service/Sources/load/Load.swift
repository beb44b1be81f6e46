import Glibc
import Synchronization

/// `load PORT REQUESTS SECONDS [CONNECTIONS [RATE]]`: GET /visit/<user> against 127.0.0.1 until that many answers have come or
/// that much time has passed, whichever is first; at most RATE a second. Prints what it did; fails where no answer came.
///
/// `load PORT ledger`: prints what the service itself counted.
@main
enum Load {
  static func main() {
    signal(SIGPIPE, SIG_IGN)
    let arguments = Array(CommandLine.arguments.dropFirst())
    guard let port = arguments.first.flatMap({ UInt16($0) }) else { usage() }
    if arguments.dropFirst().first == "ledger" { ledger(port) }
    let numbers = arguments.dropFirst().map { Int($0) ?? 0 }
    guard numbers.count >= 2, numbers.allSatisfy({ $0 > 0 }) else { usage() }
    let connections = min(numbers.count > 2 ? numbers[2] : 4, 64)
    let job = Job(
      port: port, requests: numbers[0], time: .seconds(min(numbers[1], 600)), rate: numbers.count > 3 ? numbers[3] : nil
    )
    let threads = (0..<connections).compactMap { _ in start(job) }
    for thread in threads { pthread_join(thread, nil) }
    let answered = job.answered.load(ordering: .relaxed)
    print("\(answered) visits answered over \(connections) connections")
    exit(answered > 0 ? 0 : 1)
  }

  private static func usage() -> Never {
    print("usage: load PORT REQUESTS SECONDS [CONNECTIONS [RATE]] | load PORT ledger")
    exit(64)
  }

  private static func ledger(_ port: UInt16) -> Never {
    guard let text = Connection(port: port)?.get("/ledger") else {
      print("no answer on 127.0.0.1:\(port)")
      exit(1)
    }
    print(text, terminator: "")
    exit(0)
  }

  private static func start(_ job: Job) -> pthread_t? {
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(job).toOpaque()
    let code = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, argument)
    if code != 0 { Unmanaged<Job>.fromOpaque(argument).release() }
    return code == 0 ? thread : nil
  }
}

/// The work that all connections share.
final class Job: Sendable {
  let port: UInt16
  let requests: Int
  let start = ContinuousClock.now
  let time: Duration
  /// Visits a second; nil for as many as possible.
  let rate: Int?
  let begun = Atomic<Int>(0)
  let answered = Atomic<Int>(0)

  init(port: UInt16, requests: Int, time: Duration, rate: Int?) {
    self.port = port
    self.requests = requests
    self.time = time
    self.rate = rate
  }

  func run() {
    guard let connection = Connection(port: port) else { return }
    while ContinuousClock.now - start < time {
      let number = begun.add(1, ordering: .relaxed).oldValue
      guard number < requests else { return }
      waitForTurn(number)
      guard connection.get("/visit/user-\(number)") != nil else { return }
      answered.add(1, ordering: .relaxed)
    }
  }

  private func waitForTurn(_ number: Int) {
    guard let rate else { return }
    let due = start + min(.seconds(number) / rate, time)
    let wait = (due - ContinuousClock.now).components
    if wait.seconds >= 0, wait.attoseconds > 0 {
      usleep(UInt32(min(wait.seconds, 600)) * 1_000_000 + UInt32(wait.attoseconds / 1_000_000_000_000))
    }
  }
}
