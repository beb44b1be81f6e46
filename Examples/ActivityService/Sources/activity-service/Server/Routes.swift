import Hummingbird

/// `GET /users/{id}/activities`, `POST /users/{id}/touch`, `GET /metrics`, `GET /ledger`.
struct Routes: Sendable {
  let source: any ActivitySource
  let consumer: TouchConsumer
  let chances: ChanceCache
  let metrics: ServiceMetrics
  let prometheus: PrometheusFactory
  let fault: (any Fault)?

  func router() -> Router<BasicRequestContext> {
    let router = Router(context: BasicRequestContext.self)
    router.add(middleware: MetricsMiddleware())
    router.get("users/:id/activities") { request, context -> Response in
      let user = try context.parameters.require("id", as: Int64.self)
      await fault?.request(user, agent: request.headers[.userAgent] ?? "unknown")
      return Self.json(user, source.summary(of: user))
    }
    router.post("users/:id/touch") { _, context -> HTTPResponse.Status in
      consumer.touch(try context.parameters.require("id", as: Int64.self))
      return .accepted
    }
    router.get("metrics") { _, _ -> Response in
      metrics.update(source, chances: chances)
      return Self.text(prometheus.text(), type: "text/plain; version=0.0.4")
    }
    // What a test compares an answer from outside with.
    router.get("ledger") { _, _ -> String in
      let statistics = source.statistics
      return
        "entries=\(statistics.entries) hits=\(statistics.hits) misses=\(statistics.misses) fault=\(fault?.count ?? 0)\n"
    }
    return router
  }

  private static func json(_ user: Int64, _ summary: ActivitySummary) -> Response {
    let keys = summary.keys.map { "\"\($0)\"" }.joined(separator: ",")
    return text(
      "{\"user\":\(user),\"checksum\":\(summary.checksum),\"activities\":[\(keys)]}\n", type: "application/json")
  }

  private static func text(_ text: String, type: String) -> Response {
    Response(
      status: .ok, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }
}
