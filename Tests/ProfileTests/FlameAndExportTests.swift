import Foundation
import TestSupport
import Testing

@testable import Profile

/// Flame graphs and exports keep the numbers, and names stay names.
@Suite struct FlameAndExportTests {
  private func session(_ names: [String], base: [String] = []) throws -> ProfileSession {
    let reader = ProfileReader()
    return try ProfileSession(
      names.map { try reader.read("\(PprofCommand.folder)/\($0)") },
      bases: base.map { try reader.read("\(PprofCommand.folder)/\($0)") }, base: .compare)
  }

  @Test func treeAddsUp() throws {
    let session = try session(["heap2.pb.gz"])
    var options = ProfileOptions()
    options.sampleIndex = "alloc_space"
    for share in [0, 0.01, 0.2] {
      let tree = try StackTree(session, options, minimumShare: share)
      #expect(tree.nodes[0].value == (try TopReport(session, options)).total)
      for node in tree.nodes {
        let below = node.children.reduce(Int64(0)) { $0 + tree.nodes[$1].value }
        #expect(below <= node.value)
      }
      // Every node but the root is somebody's child once.
      #expect(tree.nodes.reduce(0) { $0 + $1.children.count } == tree.nodes.count - 1)
    }
    let whole = try StackTree(session, options, minimumShare: 0)
    let cut = try StackTree(session, options, minimumShare: 0.05)
    #expect(cut.nodes.count < whole.nodes.count / 2)
  }

  @Test func differenceKeepsBoth() throws {
    let tree = try StackTree(try session(["heap2.pb.gz"], base: ["heap1.pb.gz"]), ProfileOptions(), minimumShare: 0)
    #expect(tree.isDifference)
    #expect(tree.nodes[0].value == (try TopReport(try session(["heap2.pb.gz"]), ProfileOptions())).total)
    #expect(tree.nodes[0].base == (try TopReport(try session(["heap1.pb.gz"]), ProfileOptions())).total)
  }

  @Test func pageIsSafe() throws {
    var builder = ProfileBuilder(sampleTypes: [.init("space", "bytes")])
    let evil = #"</script><script>alert(1)</script><!--"# + "\u{2028}\u{7}"
    let function = builder.function(name: evil)
    builder.add(stack: [builder.location(address: 1, lines: [.init(function: function)])], values: [3])
    let session = try ProfileSession([builder.profile])
    let tree = try StackTree(session, ProfileOptions(), minimumShare: 0)
    let page = String(decoding: FlamePage.render(tree, title: "<b>\(evil)</b>"), as: UTF8.self)
    #expect(!page.contains("alert(1)</script>") && !page.contains("<b>"))
    // Two scripts and their ends: the data and the code.
    #expect(page.components(separatedBy: "<script").count == 3 && page.components(separatedBy: "</script>").count == 3)
    #expect(page.contains("default-src 'none'") && !page.contains("unsafe-inline"))
    #expect(
      !page.contains("http://") && !page.contains("https://") && !page.contains(" src=") && !page.contains("@import"))
    // The data is JSON again, with the name as it was but for control characters.
    let parts = page.components(separatedBy: #"id="data">"#)
    let data = try #require(parts.last?.components(separatedBy: "</script>").first)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(data.utf8)) as? [String: Any])
    let names = try #require(object["names"] as? [String])
    #expect(names.contains { $0.hasPrefix("</script><script>alert(1)") })
  }

  @Test func collapsedStacksAddUp() throws {
    let session = try session(["heap2.pb.gz"])
    var options = ProfileOptions()
    options.sampleIndex = "inuse_space"
    let text = String(decoding: try ProfileExport.collapsed.render(session, options), as: UTF8.self)
    let lines = text.split(separator: "\n")
    let sum = lines.reduce(0) { $0 + (Int($1.split(separator: " ").last ?? "") ?? 0) }
    #expect(Int64(sum) == (try TopReport(session, options)).total)
    #expect(lines.filter { $0.contains(";") }.count > lines.count / 2)
    // Each stack once.
    #expect(Set(lines.map { $0.prefix(upTo: $0.lastIndex(of: " ") ?? $0.startIndex) }).count == lines.count)
  }

  @Test func speedscopeAddsUp() throws {
    let session = try session(["heap2.pb.gz"])
    let bytes = try ProfileExport.speedscope.render(session, ProfileOptions())
    let object = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    let profiles = try #require(object["profiles"] as? [[String: Any]])
    let frames = try #require((object["shared"] as? [String: Any])?["frames"] as? [[String: Any]])
    #expect(profiles.map { $0["name"] as? String } == Profile.heapSampleTypes.map(\.type))
    #expect(profiles.map { $0["unit"] as? String } == ["none", "bytes", "none", "bytes"])
    for (index, profile) in profiles.enumerated() {
      var options = ProfileOptions()
      options.sampleIndex = String(index)
      let weights = try #require(profile["weights"] as? [Int])
      let samples = try #require(profile["samples"] as? [[Int]])
      #expect(weights.count == samples.count && !weights.isEmpty)
      #expect(weights.reduce(0, +) == profile["endValue"] as? Int)
      #expect(Int64(weights.reduce(0, +)) == (try TopReport(session, options)).total)
      #expect(samples.allSatisfy { $0.allSatisfy(frames.indices.contains) })
    }
  }

  @Test func formatsGoByTheName() {
    #expect(ProfileExport(path: "a.folded") == .collapsed && ProfileExport(path: "a.b.speedscope.json") == .speedscope)
    #expect(ProfileExport(path: "a.pb.gz") == .pprof && ProfileExport(path: "a.pb") == .unpackedPprof)
    #expect(ProfileExport(path: "a.json") == nil && ProfileExport(path: "pb") == nil)
  }

  // MARK: In a browser

  static let browser: String? = ["chromium", "chromium-browser", "google-chrome"].flatMap { tool in
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(tool)" }
  }.first { FileManager.default.isExecutableFile(atPath: $0) }

  /// The page draws, and its policy does not stop its own code. Needs Chromium.
  @Test(.enabled(if: browser != nil, "chromium is not installed")) func drawsInABrowser() throws {
    let tree = try StackTree(
      try session(["heap2.pb.gz"], base: ["heap1.pb.gz"]), ProfileOptions(), minimumShare: 0.001)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("memwhy-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let page = folder.appendingPathComponent("flame.html")
    try Data(FlamePage.render(tree, title: "heap")).write(to: page)
    let result = try Command.run(
      Self.browser ?? "",
      [
        "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=\(folder.path)/data", "--dump-dom",
        page.absoluteString,
      ],
      timeout: 120)
    let frames = result.output.components(separatedBy: "class=\"frame").count - 1
    #expect(frames > 30, "drew \(frames) frames: \(result.errors.suffix(500))")
    #expect(result.output.contains("main.work") && result.output.contains("+ all"))
  }
}
