import ArgumentParser
import Glibc
import Synchronization

/// Plays a day of traffic in some minutes.
@main
struct ActivityLoad: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "activity-load",
    abstract: "Play a day of traffic against activity-service on this machine.",
    discussion: """
      The rate follows a day from 4 in the morning to 4 in the morning: little at night, most at noon and in the evening. Requests are \
      due at times that do not depend on the answers; latency counts from when a request was due.

      Example: activity-load --port 8080 --seconds 60 --peak 800
      Example: activity-load --port 8080 --seconds 30 --peak 500 --ids zipf --flat
      """)

  @Option(help: "Port on 127.0.0.1.")
  var port: UInt16

  @Option(help: "Seconds that the day takes.")
  var seconds = 60.0

  @Option(help: "Requests a second at the busiest hour.")
  var peak = 800.0

  @Flag(help: "The same rate all day.")
  var flat = false

  @Option(help: "How ids are drawn: uniform, or zipf (a few users come again and again).")
  var ids: Distribution = .uniform

  @Option(help: "Ids are drawn from so many.")
  var users = 1_000_000

  @Option(help: "Exponent of the Zipf distribution.")
  var exponent = 1.0

  @Option(help: "Connections.")
  var connections = 8

  @Option(help: "Requests of a connection before it is closed and opened anew; 0 for never.")
  var perConnection = 0

  @Option(help: "Every so many requests one goes through the consumer instead; 0 for none.")
  var touchEvery = 10

  @Option(help: "Where the ids begin: the same number, the same ids.")
  var seed: UInt64 = 1

  @Flag(help: "Write the result as JSON.")
  var json = false

  func validate() throws {
    if !(seconds > 0 && seconds <= 86_400) { throw ValidationError("--seconds must be above 0 and at most 86400") }
    if !(peak > 0 && peak <= 1e6) { throw ValidationError("--peak must be above 0 and at most 1000000") }
    if !(1...100_000_000).contains(users) { throw ValidationError("--users must be from 1 to 100000000") }
    if !(exponent > 0 && exponent < 10) { throw ValidationError("--exponent must be above 0 and below 10") }
    if !(1...256).contains(connections) { throw ValidationError("--connections must be from 1 to 256") }
    if perConnection < 0 || touchEvery < 0 { throw ValidationError("counts must not be negative") }
  }

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    guard Connection(port: port) != nil else {
      // Without its loopback interface, as in a new network namespace, this machine cannot be reached by itself.
      print("no connection to 127.0.0.1:\(port): \(String(cString: strerror(errno))); start activity-service first")
      throw ExitCode(1)
    }
    let job = Job(
      port: port, schedule: Schedule(seconds: seconds, peak: peak, isFlat: flat),
      ids: IDs(ids, users: users, exponent: exponent, seed: seed), perConnection: perConnection, touchEvery: touchEvery)
    for thread in (0..<connections).compactMap({ _ in job.startThread() }) { pthread_join(thread, nil) }
    let result = job.result()
    print(json ? result.json : result.text)
    if result.answered == 0 { throw ExitCode(1) }
  }
}

enum Distribution: String, ExpressibleByArgument, CaseIterable {
  case uniform, zipf
}
