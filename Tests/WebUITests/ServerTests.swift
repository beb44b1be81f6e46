import Foundation
import Reports
import Synchronization
import TestSupport
import Testing
import Timeline

@testable import WebUI

/// The routes over a real connection on loopback.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct ServerTests {
  private func object(_ body: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])
  }
  private func list(_ body: String) throws -> [[String: Any]] {
    try #require(try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [[String: Any]])
  }
  private static let target = RecordedHistory.name.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""

  @Test func pagesAndData() async throws {
    let history = try RecordedHistory()
    defer { history.remove() }
    let runs = try history.record()
    try history.capture(1000, run: runs[0], at: RecordedHistory.start)
    try history.capture(3000, run: runs[0], at: RecordedHistory.start + 60_000)
    try await RunningServer.with(history) { port, _ in
      let page = try await RawClient.ask("/", port: port)
      #expect(page.status == 200 && page.body.contains("memwhy.js"))
      #expect(page.headers["content-security-policy"]?.hasPrefix("default-src 'none'") == true)
      #expect(page.headers["x-content-type-options"] == "nosniff" && page.headers["cache-control"] == "no-store")
      #expect(try await RawClient.ask("/memwhy.css", port: port).headers["content-type"]?.hasPrefix("text/css") == true)
      #expect(
        try await RawClient.ask("/memwhy.js", port: port).headers["content-type"]?.hasPrefix("text/javascript") == true)

      let targets = try await list(RawClient.ask("/api/targets", port: port).body)
      #expect(targets.count == 1 && targets.first?["lives"] as? Int == 2)
      #expect(
        targets.first?["name"] as? String == RecordedHistory.name && targets.first?["isRunning"] as? Bool == false)

      let answer = try await object(RawClient.ask("/api/timeline?target=\(Self.target)&width=100", port: port).body)
      let chart = try #require(answer["chart"] as? [String: Any])
      let times = try #require(chart["times"] as? [Int])
      // Columns of both lives, and one more where a life ends inside of one.
      #expect(times.count >= 90 && times.count <= 102 && times == times.sorted())
      #expect(chart["limit"] as? Double == Double(512 << 20))
      let lines = try #require(chart["lines"] as? [[String: Any]])
      #expect(lines.map { $0["id"] as? String } == ["rss", "group_usage"])
      // Folding keeps the peak.
      let high = try #require(lines.first?["high"] as? [Double])
      #expect(high.max() == Double(219 << 20))
      let panels = try #require(chart["panels"] as? [[String: Any]])
      let cpu = try #require(panels.first { $0["id"] as? String == "cpu" }?["values"] as? [Any])
      // Half a core in both lives, and no negative rate where the second begins.
      #expect(cpu.compactMap { $0 as? Double }.allSatisfy { abs($0 - 0.5) < 0.01 } && cpu.count == times.count)
      #expect((chart["events"] as? [Any])?.count == 2)

      let captures = try await list(RawClient.ask("/api/captures?target=\(Self.target)", port: port).body)
      #expect(captures.count == 2)
      let ids = captures.compactMap { $0["id"] as? Int }
      let detail = try await object(RawClient.ask("/api/capture?id=\(ids[0])", port: port).body)
      #expect(detail["liveBytes"] as? Int == 1_000_000)
      let root = try #require((detail["holders"] as? [String: Any])?["root"] as? [String: Any])
      let top = try #require((root["children"] as? [[String: Any]])?.first)
      #expect(
        top["name"] as? String == "Cache.shared"
          && (top["children"] as? [[String: Any]])?.first?["field"] as? String == ".offers")
      let comparison = try await object(RawClient.ask("/api/compare?before=\(ids[0])&after=\(ids[1])", port: port).body)
      let types = try #require(comparison["types"] as? [[String: Any]])
      #expect(types.first?["change"] as? Int == 1_800_000 && types.first?["name"] as? String == "Offer<script>")
    }
  }

  @Test func zoomReadsOnlyItsPart() async throws {
    let history = try RecordedHistory()
    defer { history.remove() }
    _ = try history.record()
    try await RunningServer.with(history) { port, _ in
      let from = RecordedHistory.start + 10_000
      let answer = try await object(
        RawClient.ask("/api/timeline?target=\(Self.target)&from=\(from)&to=\(from + 20_000)&width=500", port: port).body
      )
      let chart = try #require(answer["chart"] as? [String: Any])
      let times = try #require(chart["times"] as? [Int64])
      #expect(times.first == from && times.last == from + 20_000 && times.count == 21)
      let rss = try #require((chart["lines"] as? [[String: Any]])?.first?["values"] as? [Double])
      #expect(rss.first == 110 * 1_048_576 && rss.last == 130 * 1_048_576)
    }
  }

  @Test func badInputIsAnsweredWithASentence() async throws {
    let history = try RecordedHistory()
    defer { history.remove() }
    let runs = try history.record(seconds: 3)
    try history.capture(raw: "{\"time\": 1", run: runs[0])
    try history.capture(raw: "[]", run: runs[0])
    try await RunningServer.with(history) { port, _ in
      for (path, status) in [
        ("/nothing", 404), ("/../../etc/passwd", 404), ("/%2e%2e/%2e%2e/etc/passwd", 404), ("/api/timeline", 400),
        ("/api/timeline?target=no", 404), ("/api/timeline?target=\(Self.target)&from=x", 400),
        ("/api/timeline?target=\(Self.target)&from=-5", 400),
        ("/api/timeline?target=\(Self.target)&from=99999999999999999999", 400),
        ("/api/timeline?target=\(Self.target)&from=20&to=10", 400),
        ("/api/timeline?target=\(Self.target)&width=0", 400), ("/api/timeline?target=\(Self.target)&width=1e9", 400),
        ("/api/timeline?target=\(Self.target)'%20OR%20'1'='1", 404), ("/api/captures?target=no", 404),
        ("/api/capture", 400), ("/api/capture?id=9223372036854775807", 404),
        ("/api/capture?id=9223372036854775808", 400),
        ("/api/capture?id=1", 422), ("/api/capture?id=2", 422), ("/api/compare?before=1&after=2", 422),
        ("/report?id=1", 404), ("/api/diagnose?pid=1", 405),
      ] {
        let answer = try await RawClient.ask(path, port: port)
        #expect(answer.status == status, "\(path): \(answer.status) \(answer.body)")
        #expect(answer.headers["content-type"]?.hasPrefix("text/plain") == true)
      }
      #expect(try await RawClient.ask("/", port: port, headers: ["Host": "evil.example"]).status == 421)
      #expect(try await RawClient.ask("/", method: "PUT", port: port).status == 405)
      // No HTTP at all: closed, and the server lives on.
      for text in [
        "\r\n\r\n", "GET\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
      ] {
        let answer = try await Aside.run {
          let client = try RawClient(port: port)
          client.send(text)
          return client.receive()
        }
        #expect(!answer.contains("200 OK"))
      }
      #expect(try await RawClient.ask("/", port: port).status == 200)
    }
  }

  /// Random bytes where numbers and names are expected: an answer each, never the end of the server.
  @Test func anyBytesGetAnAnswer() async throws {
    let history = try RecordedHistory()
    defer { history.remove() }
    _ = try history.record(seconds: 3)
    try await RunningServer.with(history) { port, _ in
      var state: UInt64 = 88_172_645_463_325_252
      func random(_ limit: UInt64) -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state % limit
      }
      let paths = ["/api/timeline", "/api/captures", "/api/capture", "/api/compare", "/report", "/"]
      let names = ["target", "from", "to", "width", "id", "before", "after", "token", "pid"]
      for _ in 0..<150 {
        let query = (0..<random(5)).map { _ in
          let value = (0..<random(24)).map { _ in "%" + String(0x100 + random(256), radix: 16).suffix(2) }.joined()
          return "\(names[Int(random(UInt64(names.count)))])=\(random(2) == 0 ? value : String(random(.max)))"
        }.joined(separator: "&")
        let answer = try await RawClient.ask("\(paths[Int(random(6))])?\(query)", port: port)
        #expect([200, 400, 401, 404, 422].contains(answer.status), "\(query): \(answer.status)")
      }
    }
  }

  /// Others do not wait for somebody who does not finish his sentence.
  @Test func aSlowClientStopsNobody() async throws {
    let history = try RecordedHistory()
    defer { history.remove() }
    _ = try history.record(seconds: 3)
    try await RunningServer.with(history) { port, _ in
      let slow = try (0..<20).map { _ in try RawClient(port: port) }
      for client in slow { client.send("GET / HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nX-Slow: ") }
      for _ in 0..<5 { #expect(try await RawClient.ask("/api/targets", port: port).status == 200) }
      withExtendedLifetime(slow) {}
    }
  }

  @Test func theTokenGoesIntoACookie() async throws {
    let history = try RecordedHistory()
    defer { history.remove() }
    try await RunningServer.with(history) { port, address in
      #expect(address == "http://127.0.0.1:\(port)/?token=\(RunningServer.token)")
      let answer = try await RawClient.ask("/?token=\(RunningServer.token)", port: port)
      #expect(answer.status == 303 && answer.headers["location"] == "/")
      let cookie = try #require(answer.headers["set-cookie"])
      #expect(cookie.hasPrefix("memwhy-token-\(port)=\(RunningServer.token);"))
      #expect(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"))
      #expect(try await RawClient.ask("/?token=0123456789abcdef9999", port: port).status == 401)
      // Without a history there is a page, and the data says why there is none.
      #expect(try await RawClient.ask("/", port: port).status == 200)
      let targets = try await RawClient.ask("/api/targets", port: port)
      #expect(targets.status == 503 && targets.body.contains("memwhy watch"))
    }
  }

  @Test func aDiagnosisOnRequest() async throws {
    let history = try RecordedHistory()
    defer { history.remove() }
    let asked = Mutex<[(Int32, Int)]>([])
    let gate = DispatchSemaphore(value: 0)
    let diagnose: DiagnosisJobs.Body = { pid, seconds, progress in
      asked.withLock { $0.append((pid, seconds)) }
      progress("watching")
      guard pid != 13 else { throw RunningServer.Failure("there is no process 13\u{1b}[2J") }
      gate.wait()
      return ReportModel(
        tool: .init(version: "0"), verb: "diagnose", target: .init(source: .frozen, pid: pid, name: "shop</script>"),
        heap: .init(allocator: "glibc", isExact: true, blocks: 1, bytes: 1), leaks: .init(groups: []))
    }
    try await RunningServer.with(history, diagnose: diagnose) { port, _ in
      let own = ["Origin": "http://127.0.0.1:\(port)", "Cookie": "memwhy-token-\(port)=\(RunningServer.token)"]
      func ask(_ pid: String, _ headers: [String: String]) async throws -> RawClient.Answer {
        try await RawClient.ask("/api/diagnose?pid=\(pid)&seconds=2", method: "POST", port: port, headers: headers)
      }
      #expect(try await ask("42", [:]).status == 403)
      #expect(try await ask("42", ["Origin": "http://127.0.0.1:\(port)"]).status == 401)
      for pid in ["0", "-1", "x", "", "4294967296"] { #expect(try await ask(pid, own).status == 400) }
      #expect(asked.withLock { $0.isEmpty })
      #expect(try await ask("42", own).status == 202)
      #expect(try await ask("43", own).status == 409)
      #expect(try await RawClient.ask("/report?id=1", port: port).status == 404)
      gate.signal()
      let done = try await finished(1, port: port)
      #expect(done["state"] as? String == "done" && (done["sentence"] as? String)?.hasPrefix("No leak") == true)
      let report = try await RawClient.ask("/report?id=1", port: port)
      #expect(report.status == 200 && report.body.contains("shop&lt;/script&gt;"))
      #expect(report.headers["content-security-policy"] == "frame-ancestors 'none'")
      #expect(try await ask("13", own).status == 202)
      let failed = try await finished(2, port: port)
      #expect(failed["state"] as? String == "failed" && failed["note"] as? String == "there is no process 13\\u{1b}[2J")
      #expect(asked.withLock { $0.map(\.0) } == [42, 13])
    }
  }

  private func finished(_ id: Int, port: UInt16) async throws -> [String: Any] {
    for _ in 0..<500 {
      let jobs = try await list(RawClient.ask("/api/jobs", port: port).body)
      if let job = jobs.first(where: { $0["id"] as? Int == id }), job["state"] as? String != "running" { return job }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw RunningServer.Failure("job \(id) does not end")
  }

  @Test func aPortInUseIsSaid() async throws {
    let history = try RecordedHistory()
    defer { history.remove() }
    try await RunningServer.with(history) { port, _ in
      let options = WebServer.Options(
        address: .loopback(port: port), token: .random(), historyPath: history.path)
      let second = try WebServer(options) { _, _, _ in throw RunningServer.Failure("") }
      await #expect(throws: WebError.portInUse(address: "127.0.0.1:\(port)")) { try await second.run { _ in } }
    }
  }

  @Test func aDamagedHistoryIsSaid() async throws {
    let history = try RecordedHistory()
    defer { history.remove() }
    try Data("this is no database, however long one looks at it".utf8).write(to: URL(fileURLWithPath: history.path))
    try await RunningServer.with(history) { port, _ in
      let answer = try await RawClient.ask("/api/targets", port: port)
      #expect(answer.status == 503 && !answer.body.isEmpty)
    }
  }
}
