import ArgumentParser
import Foundation
import Glibc
import Measurement
import ProcessImage
import Reports
import Timeline
import WebUI

struct ServeVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Show what `memwhy watch` has recorded in a browser, and diagnose from there.",
    discussion: """
      Open the address that it prints: it has a token in it. Only this machine can reach the server, unless --listen says otherwise; then \
      it shows nothing without the token. To start a diagnosis, which pauses a process, always takes the token. More in \
      docs/html-report.md.

      Example: memwhy serve
      Example: memwhy serve --port 0 --history /var/lib/memwhy/history.db
      Example: MEMWHY_TOKEN=$(openssl rand -hex 16) \\
        memwhy serve --listen 0.0.0.0:7788
      """)

  @Option(help: ArgumentHelp("The port on this machine; 0 for any that is free.", valueName: "port"))
  var port: UInt16 = 7788

  @Option(
    help: ArgumentHelp(
      "Listen on another address, in numbers, with or without a port: 0.0.0.0:7788 for all.", valueName: "address"))
  var listen: String?

  @Option(
    help: ArgumentHelp(
      "The token, at least 16 characters. Better in the environment as MEMWHY_TOKEN, where other users cannot see it. Default: a random one.",
      valueName: "token"))
  var token: String?

  @Option(
    help: ArgumentHelp(
      "A name by which this server is called, for instance behind a proxy. May be given more than once.",
      valueName: "name"))
  var name: [String] = []

  @Option(
    help: ArgumentHelp("The history file. Default: \(History.defaultPath).", valueName: "file"), completion: .file())
  var history: String?

  func run() throws {
    let server: WebServer
    do throws(WebError) {
      let address = try listen.map { text throws(WebError) in try ListenAddress(parsing: text, port: port) }
      let secret = token ?? getenv("MEMWHY_TOKEN").map { String(cString: $0) }
      let options = WebServer.Options(
        address: address ?? .loopback(port: port),
        token: try secret.map { text throws(WebError) in try AccessToken(text) } ?? .random(),
        historyPath: history ?? History.defaultPath, names: name)
      server = try WebServer(options, diagnose: Self.diagnose)
    } catch { throw CLIError.usage("\(error)") }
    if !FileManager.default.fileExists(atPath: history ?? History.defaultPath) {
      Terminal.error("memwhy: \(history ?? History.defaultPath) is not there yet; `memwhy watch` makes it\n")
    }
    // Swift's pool waits for threads without end where it gets none: the server would not answer, and not end.
    guard ProcessRoom.hasRoom(forThreads: 2) else { throw CLIError.notPermitted(ProcessRoom.ownLack) }
    guard ProcessRoom.hasRoom(forFiles: 24) else {
      throw CLIError.fault("cannot serve: \(ownLimit(EMFILE) ?? systemMessage(EMFILE))")
    }
    try serve(server)
  }

  /// Blocks until the first signal.
  private func serve(_ server: WebServer) throws {
    let ended = DispatchSemaphore(value: 0)
    let outcome = Outcome()
    Interruption.shared.endGently { Task { await server.stop() } }
    Task.detached {
      do throws(WebError) {
        try await server.run { Terminal.output("memwhy: open \($0)\n") }
      } catch { outcome.error = error }
      ended.signal()
    }
    ended.wait()
    Interruption.shared.endGently(nil)
    if let error = outcome.error { throw CLIError.noInput("\(error)") }
    // A diagnosis that runs is given up; its copy of the process must not stay.
    Interruption.shared.release()
    Terminal.error("memwhy: ended\n")
  }

  private final class Outcome: @unchecked Sendable {
    // Written before the semaphore is raised, read after it.
    var error: WebError?
  }

  @Sendable private static func diagnose(
    _ pid: Int32, seconds: Int, note: @escaping @Sendable (String) -> Void
  ) throws -> ReportModel {
    var request = AnalysisRequest(verb: "diagnose", target: .process(pid), freeze: .cow, debugDirectories: [])
    request.findsHolders = true
    // Progress as text, without the terminal's control characters.
    let progress = Progress(isEnabled: true, columns: nil) { text in
      note(text.replacing("\r\u{1b}[K", with: "").replacing("memwhy: ", with: "").replacing("\n", with: ""))
    }
    return try WholeDiagnosis(
      request: request, pid: pid,
      options: WholeDiagnosis.Options(duration: .seconds(UInt64(seconds)), limit: nil, load: nil, history: nil),
      progress: progress
    ).run()
  }
}
