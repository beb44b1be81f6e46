import Foundation
import Profile
import Testing

@testable import Reports

/// The page as a text: well-formed, closed to the outside, safe whatever the target is called, and never too large.
struct HTMLReportTests {
  static let all: [(name: String, report: ReportModel)] = [
    ("growing", PageFixtures.growing), ("leaky", ReportFixtures.leaky), ("healthy", ReportFixtures.healthy),
    ("running", ReportFixtures.running), ("torn", ReportFixtures.named("torn")),
    ("heap", ReportFixtures.verb("heap", of: ReportFixtures.leaky)), ("hostile", PageFixtures.hostile),
  ]

  @Test(arguments: all.map(\.name)) func isWellFormed(name: String) throws {
    let report = try #require(Self.all.first { $0.name == name }?.report)
    let page = HTMLChecker(try HTMLReport(options: .init(showAddresses: true)).render(report))
    #expect(page.problems == [])
    #expect(page.tags["h1"] == 1 && page.tags["main"] == 1)
    // Nothing but places in the page is linked, and nothing is loaded.
    #expect(page.links.allSatisfy { $0.hasPrefix("#") }, "\(page.links)")
    for tag in ["img", "link", "iframe", "object", "embed", "form", "base", "video", "audio"] {
      #expect(page.tags[tag] == nil)
    }
    #expect(page.tags["script"] == 2 && page.tags["style"] == 1)
  }

  /// The policy allows the page's own style and script, by their digests, and nothing else.
  @Test func policyNamesItsOwnScripts() throws {
    let text = try HTMLReport().render(PageFixtures.growing)
    let policy = try #require(text.firstMatch(of: /Content-Security-Policy" content="([^"]*)"/)?.1)
    let page = HTMLChecker(text)
    #expect(policy.hasPrefix("default-src 'none'; ") && !policy.contains("unsafe") && !policy.contains("http"))
    for element in page.raw where element.attributes["type"] != "application/json" {
      let digest = Data(SHA256.hash(Array(element.content.utf8))).base64EncodedString()
      #expect(policy.contains("\(element.tag)-src 'sha256-\(digest)'"))
    }
    for asset in [
      HTMLAssets.style, HTMLAssets.theme, HTMLAssets.scales, HTMLAssets.timeline, HTMLAssets.icicle, HTMLAssets.report,
    ] {
      #expect(!asset.contains("</") && !asset.contains("url(h") && !asset.contains("@import"))
      #expect(!asset.replacing("http://www.w3.org/2000/svg", with: "").contains("://"))
      for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
        #expect(!asset.contains(word))
      }
    }
  }

  /// FIPS 180-4's own examples, and a length on each side of a block's padding.
  @Test func theDigestIsTheStandards() {
    func hex(_ text: String) -> String {
      SHA256.hash(Array(text.utf8)).map { String(format: "%02x", $0) }.joined()
    }
    #expect(hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
        == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
    #expect(
      hex(String(repeating: "a", count: 1_000_000))
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test func hostileNamesStayText() throws {
    let text = try HTMLReport(options: .init(showAddresses: true)).render(PageFixtures.hostile)
    let page = HTMLChecker(text)
    #expect(page.problems == [])
    // The data block holds them as JSON, without a byte that could end it.
    let data = try #require(page.raw.first { $0.attributes["type"] == "application/json" }?.content)
    #expect(!data.contains("<") && !data.contains("&"))
    let object = try #require(try JSONSerialization.jsonObject(with: Data(data.utf8)) as? [String: Any])
    #expect(object["trees"] != nil && object["timeline"] != nil)
    for scalar in text.unicodeScalars where scalar != "\n" {
      let category = scalar.properties.generalCategory
      #expect(
        category != .control && category != .format && category != .lineSeparator,
        "U+\(String(scalar.value, radix: 16))")
    }
  }

  @Test func sizeDoesNotGrowWithTheHeap() throws {
    let text = try HTMLReport().render(PageFixtures.enormous)
    #expect(text.utf8.count < 2 << 20, "\(text.utf8.count)")
    #expect(HTMLChecker(text).problems == [])
    #expect(text.contains("976 further causes") && text.contains("976 further groups"))
  }

  @Test func saysWhatTheModelSays() throws {
    let text = HTMLChecker(try HTMLReport().render(PageFixtures.growing)).text
    for words in [
      "No leak, but likely growth of 1.0 GiB/h in", "CacheService.offers", "+16.8 MiB",
      "bound it: a limit on entries or age",
      "the count stays while the load is the same", "live Swift objects", "unexplained", "Session", "retain cycle",
      "Offer", "started again as 4712", "1,000", "Where the growth is", "+585.9 KiB", "never at this rate", "in 12 min",
      "1.4 KiB stay for each count of http_requests_total",
    ] { #expect(text.contains(words), "\(words)") }
  }

  /// A history has no heap: its page shows what it has.
  @Test func aHistoryHasAPage() throws {
    let growth = try #require(PageFixtures.growing.growth)
    let page = HTMLChecker(try HTMLReport().render(growth, name: "<shop>", tool: ReportFixtures.tool))
    #expect(page.problems == [])
    #expect(page.text.contains("&lt;shop&gt;") && page.text.contains("No leak, but likely growth of 1.0 GiB/h in"))
    #expect(page.ids.isSuperset(of: ["time", "causes", "account", "books", "timeline"]) && !page.ids.contains("leaks"))
  }

  @Test func whatIsMissingIsSaid() throws {
    let running = HTMLChecker(try HTMLReport().render(ReportFixtures.running)).text
    #expect(running.contains("Leaks cannot be judged"))
    let healthy = HTMLChecker(try HTMLReport().render(ReportFixtures.healthy)).text
    #expect(healthy.contains("None: a pointer leads to every") && !healthy.contains("Over time"))
  }

  /// A heap profile as the page's tree: in use, runtime folded, callers above callees, sizes that add up.
  @Test func aProfileIsATree() throws {
    var builder = ProfileBuilder(sampleTypes: Profile.heapSampleTypes)
    builder.profile.defaultSampleType = "inuse_space"
    builder.profile.dropFrames = RuntimeFunctions.dropFrames
    builder.profile.periodType = .init("space", "bytes")
    builder.profile.period = 524_288
    func place(_ address: UInt64, _ name: String) -> Int {
      let function = builder.function(name: name, systemName: name)
      return builder.location(address: address, lines: [.init(function: function, number: 1)])
    }
    let main = place(1, "main")
    let load = place(2, "load")
    let swift = place(3, "swift_allocObject")
    builder.add(stack: [swift, load, main], values: [9, 9000, 3, 3000])
    builder.add(stack: [swift, place(4, "drop"), main], values: [50, 50_000, 0, 0])
    builder.add(stack: [main], values: [1, 1000, 1, 1000])
    let tree = try ReportModel.Tree(builder.profile)
    #expect(tree.unit == "bytes" && tree.root.name == "in use" && tree.root.value == 4000)
    #expect(tree.root.note == "estimated from one sample in 512.0 KiB")
    #expect(tree.root.children.map(\.name) == ["main"] && tree.root.children[0].value == 4000)
    #expect(tree.root.children[0].children.map(\.name) == ["load"] && tree.root.children[0].children[0].value == 3000)
    #expect(tree.root.children[0].children[0].children.isEmpty)
    let all = try ReportModel.Tree(builder.profile, sampleType: "alloc_objects")
    #expect(all.unit == "objects" && all.root.name == "allocated" && all.root.value == 60)
    #expect(throws: ProfileError.self) { try ReportModel.Tree(builder.profile, sampleType: "nope") }
  }

  /// Folding keeps every size and takes the smallest parts first.
  @Test func treesFold() throws {
    let tree = try #require(PageFixtures.enormous.profile)
    let folded = tree.folded(to: 500)
    func count(_ node: ReportModel.Tree.Node) -> Int { node.children.reduce(1) { $0 + count($1) } }
    func least(_ node: ReportModel.Tree.Node) -> UInt64 { node.children.reduce(node.value) { min($0, least($1)) } }
    #expect(count(tree.root) == 111_111)
    #expect(count(folded.root) == 500 && folded.root.value == tree.root.value)
    #expect(least(folded.root) == 4_000_000)
    #expect(folded.folded(to: 500) == folded)
  }

  /// WCAG 2.1, 1.4.3: text on its ground has a contrast of 4.5 and more, on light and on dark pages.
  @Test(arguments: [0, 1]) func colorsCanBeRead(theme: Int) throws {
    func color(_ name: String) throws -> [Double] {
      let pair = try #require(
        HTMLAssets.style.firstMatch(of: try Regex("--\(name): light-dark\\(#([0-9a-f]{6}), #([0-9a-f]{6})\\)"))?.output)
      let hex = try #require(pair[1 + theme].substring)
      let number = try #require(Int(hex, radix: 16))
      return [number >> 16, number >> 8 & 255, number & 255].map { Double($0) / 255 }
    }
    func luminance(_ color: [Double]) -> Double {
      let linear = color.map { $0 <= 0.03928 ? $0 / 12.92 : pow(($0 + 0.055) / 1.055, 2.4) }
      return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }
    for ground in ["paper", "raised"] {
      for ink in ["ink", "quiet", "link", "bad", "caution", "good", "limit"] {
        let (one, other) = (luminance(try color(ink)), luminance(try color(ground)))
        let contrast = (max(one, other) + 0.05) / (min(one, other) + 0.05)
        #expect(contrast >= 4.5, "\(ink) on \(ground): \(contrast)")
      }
    }
  }

  /// Rows of the books, which link to their words.
  private static let holders = [
    "swiftObjects", "nativeBlocks", "allocatorFree", "allocatorOverhead", "stacks", "moduleData", "files", "shared",
    "mappings", "unexplained",
  ]
  private static let holdersOfGroups = ["pageCache", "shared", "kernel", "sockets"]

  /// Every holder of the books has a colour and an entry in the glossary.
  @Test func everyHolderIsExplained() {
    for holder in Self.holders {
      #expect(Glossary(rawValue: holder) != nil)
      #expect(HTMLAssets.style.contains(".h-\(holder)"))
    }
    for holder in Self.holdersOfGroups { #expect(Glossary(rawValue: holder) != nil) }
  }

  /// What stands in the glossary stands on a page, too, and leads there.
  @Test func everyWordOfTheGlossaryIsUsed() throws {
    var leaky = ReportFixtures.leaky
    leaky.profile = ReportModel.Tree(
      unit: "bytes", root: .init(name: "in use", value: 900, children: [.init(name: "main", value: 900)]))
    var growing = PageFixtures.growing
    growing.growth?.findings[0].share = 0.9
    let pages = try [growing, leaky].map { try HTMLReport().render($0) }
    for word in Glossary.allCases where !(Self.holders + Self.holdersOfGroups).contains(word.rawValue) {
      #expect(pages.contains { $0.contains("href=\"#g-\(word.rawValue)\"") }, "\(word) is nowhere on the pages")
    }
  }
}
