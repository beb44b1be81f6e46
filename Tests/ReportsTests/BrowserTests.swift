import Foundation
import Reports
import TestSupport
import Testing

/// The page in a real browser: it draws, without a word on the console, and shows what the model says.
/// Skipped where there is no Chromium; `scripts/test` installs it.
@Suite(.serialized, .enabled(if: Browser.installed != nil, "no Chromium is installed"))
struct BrowserTests {
  private func open(_ report: ReportModel) throws -> Browser.Page {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("memwhy-page-\(UUID().uuidString).html")
    defer { try? FileManager.default.removeItem(at: file) }
    try HTMLReport().render(report).write(to: file, atomically: true, encoding: .utf8)
    return try #require(Browser.installed).open(file.absoluteString)
  }

  @Test func drawsEverything() throws {
    let page = try open(PageFixtures.growing)
    #expect(page.console == [])
    let document = page.document
    // Both lines of memory's chart, its layers, a small chart each, the restart, and the parts of both trees.
    #expect(document.contains("class=\"line\"") && document.contains("layer h-swiftObjects"))
    for title in ["Load", "Processor", "Threads", "TCP connections"] { #expect(document.contains(">\(title)<")) }
    #expect(document.contains("class=\"event-mark\"") && document.contains("limit 128.0 MiB"))
    #expect(document.contains("CacheService.shared : CacheService, 45.8 MiB, 85.7 %"))
    #expect(document.contains("load(rows:), 781.3 KiB, 80.0 %"))
    #expect(document.contains("data-drawn-in"))
  }

  @Test(arguments: ["leaky", "healthy", "running"]) func drawsWhatThereIs(name: String) throws {
    let page = try open(ReportFixtures.named(name))
    #expect(page.console == [])
    #expect(page.document.contains("data-drawn-in"))
  }

  /// The program's own functions lie below those of a server's framework.
  @Test func deepStacksAreSeen() throws {
    var report = PageFixtures.growing
    let stack = (1...30).reversed().reduce(ReportModel.Tree.Node(name: "load(rows:)", value: 800_000)) { below, depth in
      ReportModel.Tree.Node(name: "framework \(depth)", value: 800_000, children: [below])
    }
    report.profile = ReportModel.Tree(unit: "bytes", root: .init(name: "all", value: 1_000_000, children: [stack]))
    #expect(try open(report).document.contains("aria-label=\"load(rows:), 781.3 KiB, 80.0 %"))
  }

  /// Whatever the target's names are, no script but the page's own runs.
  @Test func hostileNamesRunNothing() throws {
    let page = try open(PageFixtures.hostile)
    #expect(page.console == [])
    #expect(page.document.contains("<title>memwhy: &lt;/script&gt;"))
    #expect(!page.document.contains("<title>owned"))
    #expect(page.document.contains("data-drawn-in"))
  }

  @Test func theLargestPageIsDrawn() throws {
    let page = try open(PageFixtures.enormous)
    #expect(page.console == [])
    #expect(page.document.contains("data-drawn-in"))
  }
}
