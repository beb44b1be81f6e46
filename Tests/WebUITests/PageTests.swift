import Foundation
import TestSupport
import Testing

@testable import WebUI

/// The pages in a real browser. Skipped where there is no Chromium; `scripts/test` installs it.
@Suite(.serialized, .enabled(if: Browser.installed != nil, "no Chromium is installed"), .timeLimit(.minutes(10)))
struct PageTests {
  private func open(_ address: String) async throws -> Browser.Page {
    let browser = try #require(Browser.installed)
    // Time in the page goes on while the server answers.
    return try await Aside.run { try browser.open(address, options: ["--virtual-time-budget=8000"]) }
  }

  @Test func listAndService() async throws {
    let history = try RecordedHistory()
    defer { history.remove() }
    let runs = try history.record()
    try history.capture(1000, run: runs[0], at: RecordedHistory.start)
    try await RunningServer.with(history) { port, address in
      // By the printed address, over the redirect with the cookie.
      let list = try await open(address)
      #expect(list.console == [])
      #expect(list.document.contains("shop&lt;b&gt;") && list.document.contains("○ ended"))
      let target = RecordedHistory.name.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
      let service = try await open("http://127.0.0.1:\(port)/#target=\(target)")
      #expect(service.console == [])
      let document = service.document
      #expect(document.contains("data-opened=") && document.contains("class=\"line\""))
      #expect(document.contains("class=\"band\"") && document.contains("limit 512.0 MiB"))
      #expect(document.contains(">Threads<") && document.contains(">Processor<"))
      // What happened is text, whatever is in it.
      #expect(document.contains("&lt;img src=x onerror=alert(1)&gt;") && !document.contains("<img"))
      #expect(document.contains("<button type=\"button\">Show</button>"))
    }
  }

  @Test func whatIsWrongIsSaid() async throws {
    let history = try RecordedHistory()
    defer { history.remove() }
    try await RunningServer.with(history) { port, _ in
      let page = try await open("http://127.0.0.1:\(port)/")
      #expect(page.document.contains("memwhy watch"))
    }
  }

  /// Nothing is built from text as markup, nothing comes from elsewhere.
  @Test func assetsAreClosed() {
    for asset in [WebAssets.script, WebAssets.style, WebAssets.page] {
      #expect(!asset.replacing("http://www.w3.org/2000/svg", with: "").contains("://"))
      for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
        #expect(!asset.contains(word))
      }
    }
  }
}
