import FlyingFox
import FoundationEssentials
import Reports
import Timeline

/// What is served: the table of paths, and an answer for each.
struct Routes: Sendable {
  typealias Answer = @Sendable (Routes, HTTPRequest) async throws -> HTTPResponse

  let historyPath: String
  let jobs: DiagnosisJobs

  /// Reads.
  static let get: [String: Answer] = [
    "/": { _, _ in .page },
    "/memwhy.css": { _, _ in .text("text/css", WebAssets.style) },
    "/memwhy.js": { _, _ in .text("text/javascript", WebAssets.script) },
    "/api/targets": { routes, _ in try routes.targets() },
    "/api/timeline": { routes, request in try routes.timeline(Query(request)) },
    "/api/captures": { routes, request in try routes.captures(Query(request)) },
    "/api/capture": { routes, request in .json(try routes.capture(Query(request), "id").detail) },
    "/api/compare": { routes, request in try routes.compare(Query(request)) },
    "/api/jobs": { routes, _ in .json(routes.jobs.all()) },
    "/report": { routes, request in try routes.report(Query(request)) },
  ]

  /// Acts: pauses a process.
  static let post: [String: Answer] = [
    "/api/diagnose": { routes, request in try routes.diagnose(Query(request)) }
  ]

  func answer(_ request: HTTPRequest) async -> HTTPResponse {
    let table = request.method == .POST ? Self.post : Self.get
    guard let answer = table[request.path] else {
      let isOther = (request.method == .POST ? Self.get : Self.post)[request.path] != nil
      return isOther
        ? .plain(
          .methodNotAllowed, "Not by \(request.method.rawValue).", ["Allow": request.method == .POST ? "GET" : "POST"])
        : .plain(.notFound, "There is nothing here.")
    }
    do { return try await answer(self, request) } catch let error as BadRequest {
      return .plain(error.status, error.text)
    } catch let error as TimelineError {
      return .plain(.serviceUnavailable, "\(error)")
    } catch {
      return .plain(.internalServerError, "\(error)")
    }
  }

  /// Opened anew for each request: the file may be moved aside and begun again while pages are open. Takes well below a millisecond.
  private func history() throws -> History { try History.reading(historyPath) }

  private func targets() throws -> HTTPResponse { .json(Target.all(try history().runs())) }

  private static let times: ClosedRange<Int64> = 0...253_402_300_799_000

  private func timeline(_ query: Query) throws -> HTTPResponse {
    let from = try query.items["from"].map { _ in try query.number("from", in: Self.times) }
    let to = try query.items["to"].map { _ in try query.number("to", in: Self.times) }
    if let from, let to, to <= from { throw BadRequest("to must be later than from.") }
    let chart = ChartQuery(
      target: try query.text("target"), from: from, to: to,
      width: Int(try query.number("width", in: 10...4000, default: 1000)))
    guard let answer = try chart.answer(history()) else {
      throw BadRequest("Nothing is recorded of this target.", .notFound)
    }
    return .json(answer)
  }

  private func captures(_ query: Query) throws -> HTTPResponse {
    let history = try history()
    let runs = try history.runs(target: query.text("target"))
    guard !runs.isEmpty else { throw BadRequest("Nothing is recorded of this target.", .notFound) }
    return .json(try history.captureEntries(runs: runs.map(\.id)))
  }

  private func capture(_ query: Query, _ name: String) throws -> CaptureView {
    let id = try query.number(name, in: 1...Int64.max)
    guard let capture = try history().capture(id) else { throw BadRequest("There is no snapshot \(id).", .notFound) }
    guard let view = CaptureView(id: id, content: capture.content) else {
      throw BadRequest("Snapshot \(id) cannot be read: it is damaged, or of another version.", .unprocessableContent)
    }
    return view
  }

  private func compare(_ query: Query) throws -> HTTPResponse {
    .json(CaptureComparison(try capture(query, "before").facts, try capture(query, "after").facts))
  }

  private func diagnose(_ query: Query) throws -> HTTPResponse {
    let pid = Int32(try query.number("pid", in: 1...Int64(Int32.max)))
    let seconds = Int(try query.number("seconds", in: 1...Int64(DiagnosisJobs.longest), default: 30))
    guard let job = jobs.start(pid: pid, seconds: seconds) else {
      throw BadRequest("A diagnosis is running; wait for it.", .conflict)
    }
    return .json(job, .init(202, phrase: "Accepted"))
  }

  /// The page brings its own policy, which lets its own script run and nothing else.
  private func report(_ query: Query) throws -> HTTPResponse {
    let id = Int(try query.number("id", in: 1...Int64(Int32.max)))
    guard let page = jobs.page(id) else { throw BadRequest("There is no report \(id).", .notFound) }
    return .text("text/html", page, ["Content-Security-Policy": "frame-ancestors 'none'"])
  }
}
