import Foundation
import TestSupport
import Testing

/// Code in the documentation compiles: pages, the catalogue with its tutorial, and comments of the sources.
@Suite struct SampleCodeTests {
  /// What the samples take for granted.
  private static let given = """
    import LocalCache
    struct Profile: Sendable, Codable, Hashable { var name = "" }
    struct Template: Sendable { init(named: String) throws {} }
    struct Token: Sendable {}
    struct Bitmap { var height = 0, rowBytes = 0 }
    struct SessionOfUser: Sendable { var user = 0 }
    struct User: Sendable, Codable { var name = ""; var roles: [String] = [] }
    struct RedisConfiguration { init(host: String) {} }
    func RedisTier(_ configuration: RedisConfiguration) -> some RemoteTier { NoTier() }
    struct NoTier: RemoteTier {
      func get(_ names: [String]) async throws -> [[UInt8]?] { [] }
      func set(_ entries: [RemoteEntry]) async throws {}
      func delete(_ names: [String]) async throws {}
    }

    """

  /// Of the types around it: each step of the tutorial has a `User` of its own.
  private static let database = """
    struct Database: Sendable {
      func profile(_ id: Int) async throws -> Profile { Profile() }
      func user(_ id: Int) async throws -> User { throw CancellationError() }
      func users(_ ids: [Int]) async throws -> [Int: User] { [:] }
    }

    """

  /// The same under the names that samples use for them, for those that stand in no type of their own.
  private static let variables = """
    let database = Database(); let id = 1; let ids = [1]; let name = "a"; let changed = Profile(); let user = 1; let eventTable = [1]
    let profiles = LocalCache<Int, Profile>(name: "profiles", limit: .bytes(.mebibytes(64)))
    let users = LocalCache<Int, User>(name: "users", limit: .bytes(.mebibytes(32)))
    let templates = LocalCache<String, Template>(name: "templates", limit: .bytes(.mebibytes(32)))
    let sessions = LocalCache<String, SessionOfUser>(name: "sessions", limit: .bytes(.mebibytes(32)))
    var configuration = LocalCache<Int, Profile>.Configuration()
    _ = (database, id, ids, name, changed, user, eventTable, profiles, users, templates, sessions)
    configuration = LocalCache<Int, Profile>.Configuration()

    """

  /// Swift between ``` marks, without the marks of comments.
  private static func samples(in text: String) -> [String] {
    var samples: [String] = []
    var open: [String]?
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      var line = String(line)
      if let mark = line.range(of: "/// ?", options: .regularExpression),
        line[..<mark.lowerBound].allSatisfy({ $0 == " " })
      {
        line = String(line[mark.upperBound...])
      }
      if line == "```swift" {
        open = []
      } else if line == "```", let sample = open {
        samples.append(sample.joined(separator: "\n"))
        open = nil
      } else {
        open?.append(line)
      }
    }
    return samples
  }

  private static func files(_ folder: String, _ ending: String) -> [String] {
    let root = TestProgram.packageRoot.appendingPathComponent(folder).path
    let names = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
    return names.filter { $0.hasSuffix(ending) }.sorted().map { "\(root)/\($0)" }
  }

  /// A sample as a part of a program; those that are of the package's manifest, or of a target that needs a trait, are none.
  private static func part(_ sample: String, _ number: Int, isStatement: Bool) -> String? {
    guard !sample.contains(".package("), !sample.contains("CacheMetrics") else { return nil }
    let body = sample.split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.hasPrefix("import ") }
      .joined(separator: "\n")
    if sample.hasPrefix("extension ") { return body }
    return isStatement
      ? "enum Sample\(number) { func run() async throws {\n\(variables)\ndo {\n\(body)\n}\n}\n}"
      : "enum Sample\(number) {\n\(database)\n\(body)\n}"
  }

  @Test func samplesCompile() throws {
    let built = URL(fileURLWithPath: ProcessInfo.processInfo.arguments[0]).deletingLastPathComponent().path
    let modules = "\(built)/Modules"
    try #require(FileManager.default.fileExists(atPath: "\(modules)/LocalCache.swiftmodule"), "no module in \(modules)")
    var parts: [String] = []
    let pages = ["docs/local-cache.md", "docs/local-cache-curve.md", "docs/local-cache-tiers.md"].map {
      TestProgram.packageRoot.appendingPathComponent($0).path
    }
    let comments = Self.files("Sources/LocalCache", ".swift").filter { !$0.contains(".docc/") }
    for file in pages + Self.files("Sources/LocalCache/LocalCache.docc", ".md") + comments {
      for sample in Self.samples(in: try String(contentsOfFile: file, encoding: .utf8)) {
        if let part = Self.part(sample, parts.count, isStatement: true) { parts.append("// \(file)\n" + part) }
      }
    }
    let statements = parts.count
    for file in Self.files("Sources/LocalCache/LocalCache.docc/Resources", ".swift") {
      let sample = try String(contentsOfFile: file, encoding: .utf8)
      if let part = Self.part(sample, parts.count, isStatement: false) { parts.append("// \(file)\n" + part) }
    }
    #expect(statements >= 12 && parts.count - statements >= 10, "the samples were not found")
    let folder = try makeTemporaryFolder("samples")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = "\(folder)/samples.swift"
    let imports = "import Foundation\nimport Synchronization\n"
    let program = ([imports, Self.given, Self.database] + parts).joined(separator: "\n\n")
    try program.write(toFile: file, atomically: true, encoding: .utf8)
    let headers = "-fmodule-map-file=\(built)/CLocalCache.build/module.modulemap"
    let result = try Command.run(
      "swiftc", ["-typecheck", "-swift-version", "6", "-I", modules, "-Xcc", headers, file], timeout: 300)
    #expect(result.status == 0, "\(result.errors)")
  }
}
