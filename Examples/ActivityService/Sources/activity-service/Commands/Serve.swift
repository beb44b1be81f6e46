import ArgumentParser
import Glibc
import Hummingbird
import Logging
import MemwhyService
import Metrics
import NIOCore
import ServiceLifecycle

struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve HTTP on the loopback interface.",
    discussion: """
      Prints `listening on 127.0.0.1:PORT` once it does.

      Example: activity-service serve --database shop.sqlite --variant struct --port 8080
      Example: activity-service serve --database shop.sqlite --variant none --fault retain-cycle
      """)

  @Option(help: "The SQLite file, made by `activity-service seed`.")
  var database: String

  @Option(help: "Shape of the per-user cache: \(VariantName.list).")
  var variant: VariantName = .struct

  @Option(help: "One genuine fault: \(FaultName.list).")
  var fault: FaultName?

  @Option(help: "Port on 127.0.0.1; 0 takes a free one.")
  var port = 0

  @Option(help: "Seconds between two refreshes of the chances.")
  var refresh = 60.0

  @Flag(help: "Sample allocations, and serve heap profiles under /debug/pprof/.")
  var pprof = false

  @Flag(help: "End when standard input ends: whoever started it has gone.")
  var untilInputEnds = false

  func validate() throws {
    if !(0...65_535).contains(port) { throw ValidationError("--port must be from 0 to 65535") }
    if !(refresh >= 0.1 && refresh < 1e6) { throw ValidationError("--refresh must be at least 0.1") }
  }

  func run() async throws {
    if untilInputEnds { Self.endWithInput() }
    let store = try ActivityDatabase(opening: database)
    let prometheus = PrometheusFactory()
    MetricsSystem.bootstrap(prometheus)
    var logger = Logger(label: "activity-service")
    logger.logLevel = .warning

    let source = variant.make(try store.catalogue())
    let chances = ChanceCache()
    let consumer = TouchConsumer(source)
    let fault = fault?.make()
    let routes = Routes(
      source: source, consumer: consumer, chances: chances, metrics: ServiceMetrics(), prometheus: prometheus,
      fault: fault)
    let router = routes.router()
    if pprof {
      try MemwhyService.start()
      ProfileRoutes.add(to: router)
    }
    let connectionHandlers: @Sendable () -> [any RemovableChannelHandler] = { fault?.connectionHandlers() ?? [] }
    let application = Application(
      router: router,
      server: .http1(configuration: .init(additionalChannelHandlers: connectionHandlers())),
      configuration: .init(address: .hostname("127.0.0.1", port: port)),
      services: [
        consumer, ChanceRefresher(cache: chances, database: store, interval: refresh, logger: logger),
      ],
      onServerRunning: { channel in
        print("listening on 127.0.0.1:\(channel.localAddress?.port ?? 0)")
        fflush(nil)
      }, logger: logger)
    do { try await application.runService() } catch let error as IOError {
      throw ServeFailure(description: "cannot listen on 127.0.0.1:\(port): \(error); choose another --port")
    }
  }

  private static func endWithInput() {
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { _ in
        var byte: UInt8 = 0
        while read(STDIN_FILENO, &byte, 1) != 0 {}
        kill(getpid(), SIGTERM)
        return nil
      }, nil)
    if code == 0 { pthread_detach(thread) }
  }
}

/// Why the service did not start, and what to do.
struct ServeFailure: Error, CustomStringConvertible {
  var description: String
}
