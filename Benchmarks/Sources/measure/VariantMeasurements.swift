import Foundation

/// The test of the incident: 100,000 random ids of a million, for each shape of the per-user cache, in Swift and in Go, and what memwhy
/// predicted of each change while the cache was still as it was.
struct VariantMeasurements {
  var memwhy: String
  /// The built `activity-service`.
  var service: String
  /// The built program of `Benchmarks/go-cache`; nil where there is no Go, or no go-cache.
  var goCache: String?

  private static let variants = ["struct", "class", "shared", "delta", "localcache", "none"]
  private static let requests = 100_000

  /// The parts of `memwhy retained --json` that are needed (docs/holders.md).
  private struct Answer: Decodable {
    struct Shape: Decodable {
      var kind: String
      var bytesPerContainer: Int
    }
    struct Values: Decodable { var shapes: [Shape] }
    struct Container: Decodable {
      var containers: Int
      var keyType: String?
      var values: Values?
    }
    struct Holder: Decodable {
      var retainedBytes: Int
      var container: Container?
      var children: [Holder]
    }
    struct Tree: Decodable { var holders: [Holder] }
    var retained: Tree
  }

  func run() throws {
    let folder = NSTemporaryDirectory() + "memwhy-variants-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let database = folder + "/shop.sqlite"
    guard try Child.run([service, "seed", "--database", database]).status == 0 else { throw Failure("seeding failed") }

    var swift: [String: [String: String]] = [:]
    var predicted: [String: Int] = [:]
    for variant in Self.variants {
      let child = try Child([
        service, "ids", "--database", database, "--variant", variant, "--count", "\(Self.requests)", "--hold",
      ])
      defer { child.stop() }
      try child.wait(for: "checksum=")
      swift[variant] = Self.fields(child.output)
      if variant == "struct" { predicted = try predict(child.pid) }
    }
    var go: [String: [String: String]] = [:]
    if let goCache {
      // go-cache has no bound.
      for variant in Self.variants where variant != "localcache" {
        go[variant] = Self.fields(try Child.run([goCache, variant, "\(Self.requests)"]).output)
      }
    } else {
      print("Go or go-cache is not installed: their columns are left out")
    }
    table(swift, go, predicted)
  }

  /// Live bytes that each change would leave, by memwhy's look at the variant `struct`.
  private func predict(_ pid: pid_t) throws -> [String: Int] {
    var finished = try Child.run([memwhy, "retained", "--json", "\(pid)"])
    if finished.status == 77 {
      // A busy machine may refuse the copy for its pause.
      finished = try Child.run([memwhy, "retained", "--json", "--freeze", "stop", "--memory-limit", "4GiB", "\(pid)"])
    }
    guard finished.status == 0 else { throw Failure("memwhy ended with \(finished.status): \(finished.errors)") }
    let answer = try JSONDecoder().decode(Answer.self, from: Data(finished.output.utf8))
    func largest(_ holders: [Answer.Holder]) -> Answer.Holder? {
      holders.flatMap { holder in
        [holder].filter { $0.container?.keyType == "String" && $0.container?.values != nil }
          + [largest(holder.children)].compactMap { $0 }
      }.max { $0.retainedBytes < $1.retainedBytes }
    }
    guard let container = largest(answer.retained.holders)?.container, let shapes = container.values?.shapes else {
      throw Failure("memwhy retained did not find the cache's dictionaries")
    }
    func bytes(_ kind: String) -> Int? { shapes.first { $0.kind == kind }?.bytesPerContainer }
    guard let now = bytes("inline"), let boxed = bytes("boxed"), let shared = bytes("shared"),
      let difference = bytes("differenceOnly"),
      let whole = answer.retained.holders.map(\.retainedBytes).max()
    else {
      throw Failure("memwhy retained did not compare shapes")
    }
    return [
      "class": (now - boxed) * container.containers, "shared": (now - shared) * container.containers,
      "delta": (now - difference) * container.containers, "none": whole,
    ]
  }

  private static func fields(_ line: String) -> [String: String] {
    var result: [String: String] = [:]
    for word in line.split(whereSeparator: \.isWhitespace) {
      let parts = word.split(separator: "=")
      if parts.count == 2 { result[String(parts[0])] = String(parts[1]) }
    }
    return result
  }

  private func table(
    _ swift: [String: [String: String]], _ go: [String: [String: String]], _ predicted: [String: Int]
  ) {
    func number(_ fields: [String: String]?, _ name: String) -> Double? { fields?[name].flatMap { Double($0) } }
    func mebibytes(_ value: Double?) -> String { value.map { format($0 / 1_048_576, 0) } ?? "" }
    let old = number(swift["struct"], "live_bytes") ?? 0
    let rows = Self.variants.map { variant -> [String] in
      let live = number(swift[variant], "live_bytes")
      let saved = live.map { old - $0 } ?? 0
      let promise = predicted[variant].map(Double.init)
      return [
        variant, mebibytes(live), swift[variant]?["bytes_per_id"] ?? "",
        number(swift[variant], "cpu_ns_per_request").map { format($0 / 1e3, 1) } ?? "",
        promise.map { mebibytes($0) } ?? "", promise == nil ? "" : mebibytes(saved),
        promise.map { format(($0 - saved) / max(saved, 1) * 100, 1) + " %" } ?? "",
        mebibytes(number(go[variant], "live_bytes")), go[variant]?["bytes_per_id"] ?? "",
        number(go[variant], "cpu_ns_per_request").map { format($0 / 1e3, 1) } ?? "",
      ]
    }
    printTable(
      "100,000 random ids of a million: \(swift["struct"]?["entries"] ?? "") entries",
      [
        "variant", "live MiB", "bytes/id", "us/request", "predicted saving MiB", "real saving MiB", "off by",
        "Go live MiB",
        "Go bytes/id", "Go us/request",
      ], rows)
  }
}
