import FlyingFox
import FlyingSocks
import Foundation
import Glibc
import ProcessImage
import Reports
import Synchronization
import Timeline

/// `memwhy serve`: histories, snapshots and diagnoses in a browser.
public final class WebServer: Sendable {
  public struct Options: Sendable {
    public var address: ListenAddress
    public var token: AccessToken
    public var historyPath: String
    /// Further names by which the server is called.
    public var names: [String]

    public init(address: ListenAddress, token: AccessToken, historyPath: String, names: [String] = []) {
      self.address = address
      self.token = token
      self.historyPath = historyPath
      self.names = names
    }
  }

  private struct State {
    var server: HTTPServer
    var hasListened = false
  }

  private let state: Mutex<State>
  private let options: Options
  private let handler: ClosureHTTPHandler
  private let gate: Gate

  /// The gatekeeper needs the port, which is known only once the server listens.
  private final class Gate: Sendable {
    let keeper: Mutex<Gatekeeper>
    init(_ keeper: Gatekeeper) { self.keeper = Mutex(keeper) }
  }

  /// - Parameter diagnose: see `DiagnosisJobs.Body`.
  /// - Throws: `WebError.badAddress`.
  public init(
    _ options: Options,
    diagnose:
      @escaping @Sendable (
        _ pid: Int32, _ seconds: Int, _ progress: @escaping @Sendable (String) -> Void
      ) throws -> ReportModel
  ) throws(WebError) {
    self.options = options
    let gate = Gate(
      Gatekeeper(address: options.address, token: options.token, names: Set(options.names.map { $0.lowercased() })))
    self.gate = gate
    let routes = Routes(historyPath: options.historyPath, jobs: DiagnosisJobs(diagnose))
    handler = ClosureHTTPHandler { request in
      let keeper = gate.keeper.withLock { $0 }
      if let refusal = keeper.refuse(request) { return refusal }
      if let answer = Self.welcome(request, keeper) { return answer }
      return await routes.answer(request)
    }
    state = Mutex(State(server: HTTPServer(config: try options.address.configuration(), handler: handler)))
  }

  private var server: HTTPServer { state.withLock { $0.server } }

  /// The printed address has the token in it. It goes into a cookie at once, so that it stays out of the browser's history and of logs.
  private static func welcome(_ request: HTTPRequest, _ keeper: Gatekeeper) -> HTTPResponse? {
    guard request.method == .GET, request.path == "/",
      let token = request.query.first(where: { $0.name == "token" })?.value
    else { return nil }
    guard keeper.token.matches(token) else {
      return .plain(.unauthorized, "The token is wrong. Open the address that memwhy serve printed.")
    }
    return .plain(
      .seeOther, "Go on to /.",
      [
        "Location": "/",
        "Set-Cookie": "\(keeper.cookieName)=\(token); Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000",
      ])
  }

  /// Serves until `stop` is called or the task is cancelled.
  ///
  /// - Parameter ready: called once with the address to open, with the token in it.
  /// - Throws: `WebError.portInUse`, `.cannotListen`.
  public func run(ready: @escaping @Sendable (String) -> Void) async throws(WebError) {
    let announcement = Task { [self] in
      try await server.waitUntilListening(timeout: 30)
      let port = await listeningPort()
      gate.keeper.withLock { keeper in
        var address = keeper.address
        address.port = port
        keeper = Gatekeeper(address: address, token: keeper.token, names: keeper.names)
      }
      state.withLock { $0.hasListened = true }
      let shown = options.address.isAny ? "localhost:\(port)" : gate.keeper.withLock { $0.address.description }
      ready("http://\(shown)/?token=\(options.token.text)")
    }
    defer { announcement.cancel() }
    while true {
      do {
        try await server.run()
        return
      } catch let error as SocketError {
        // Anything else: closed by `stop`.
        guard case .failed(_, let code, _) = error else { return }
        guard state.withLock({ $0.hasListened }), Self.shortages.contains(code) else {
          if code == EADDRINUSE { throw .portInUse(address: options.address.description) }
          throw .cannotListen(address: options.address.description, reason: systemMessage(code))
        }
        try await beginAgain()
      } catch is CancellationError {
        return
      } catch { throw .cannotListen(address: options.address.description, reason: error.localizedDescription) }
    }
  }

  /// A connection could not be taken for lack of descriptors or memory: the server has closed all of them and ended.
  private static let shortages: Set<Int32> = [EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED]

  /// A new server at the same port.
  private func beginAgain() async throws(WebError) {
    let configuration = try gate.keeper.withLock { $0.address }.configuration()
    state.withLock { $0.server = HTTPServer(config: configuration, handler: handler) }
    // Whoever opens connections without end costs this, and not a core.
    try? await Task.sleep(for: .milliseconds(200))
  }

  /// Ends `run`; open connections are closed.
  public func stop() async { await server.stop(timeout: 0) }

  private func listeningPort() async -> UInt16 {
    switch await server.listeningAddress {
    case .ip4(_, let port)?, .ip6(_, let port)?: port
    default: options.address.port
    }
  }
}
