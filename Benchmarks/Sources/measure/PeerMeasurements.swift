import Foundation

/// The same program, whose leaks are known by address, before memwhy and before the tools that are there today.
struct PeerMeasurements {
  var memwhy: String
  /// Folder of the sources of `leakzoo`.
  var zoo: String
  private let count = "100"

  func run() throws {
    let folder = NSTemporaryDirectory() + "memwhy-peers-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let sources = try FileManager.default.contentsOfDirectory(atPath: zoo).filter { $0.hasSuffix(".swift") }.sorted()
      .map { "\(zoo)/\($0)" }
    let program = folder + "/leakzoo"
    try build(sources, ["-O"], program)
    let truth = folder + "/truth"
    var rows: [[String]] = []

    let target = try Child([program, truth, "--count", count])
    defer { target.stop() }
    try target.wait(for: "READY")
    let leaked = try leakedBlocks(truth)
    let (report, finished) = try Report.leaks(memwhy, target.pid)
    rows.append([
      "memwhy leaks", "\(report.leaks.blocks)", "no", format(finished.seconds),
      "\(format(Double(report.freeze?.measuredPauseNanoseconds ?? 0) / 1e6, 1)) ms",
    ])
    rows += try gcore(target, folder)
    target.stop()
    rows += try memcheck(program, truth)
    rows += try sanitizer(sources, folder, truth)
    printTable(
      "leakzoo with \(leaked) leaked blocks registered by the program (and up to 5 more blocks of the runtime for each lost task)",
      ["tool", "blocks reported", "restart", "seconds", "pause"], rows)
  }

  private func build(_ sources: [String], _ flags: [String], _ program: String) throws {
    let result = try Child.run(["swiftc", "-swift-version", "6", "-o", program] + flags + sources)
    guard result.status == 0 else { throw Failure("leakzoo does not build: \(result.errors)") }
  }

  /// Distinct addresses with a leak's verdict in the table (see leakzoo's Truth.swift).
  private func leakedBlocks(_ path: String) throws -> Int {
    guard let bytes = FileManager.default.contents(atPath: path) else { throw Failure("no truth in \(path)") }
    return bytes.withUnsafeBytes { buffer in
      var addresses = Set<UInt64>()
      for start in stride(from: 0, to: buffer.count - 63, by: 64) {
        let verdict = buffer[start + 8]
        if verdict == 0 { break }
        if verdict != 2 { addresses.insert(buffer.loadUnaligned(fromByteOffset: start, as: UInt64.self)) }
      }
      return addresses.count
    }
  }

  private func gcore(_ target: Child, _ folder: String) throws -> [[String]] {
    guard Child.exists("gcore") else { return [["gcore", "not installed", "", "", ""]] }
    let result = try Child.run(["gcore", "-o", folder + "/core", "\(target.pid)"])
    let core = "\(folder)/core.\(target.pid)"
    let analysis = try Child.run([memwhy, "leaks", "--core", core, "--json"])
    let report = try? JSONDecoder().decode(Report.self, from: Data(analysis.output.utf8))
    return [
      ["gcore", "none by itself", "no", format(result.seconds), "about \(format(result.seconds)) s"],
      [
        "memwhy leaks --core on it", report.map { "\($0.leaks.blocks)" } ?? analysis.errors, "no",
        format(analysis.seconds), "-",
      ],
    ]
  }

  private func memcheck(_ program: String, _ truth: String) throws -> [[String]] {
    guard Child.exists("valgrind") else { return [["memcheck", "not installed", "", "", ""]] }
    let result = try Child.run(
      ["valgrind", "--leak-check=full", "--num-callers=30", program, truth, "--count", count, "--exit"], limit: 900)
    let text = result.errors + result.output
    func blocks(_ kind: String) -> String {
      text.split(separator: "\n").first { $0.contains(kind + ":") }?.split(separator: " ").dropLast().last.map(
        String.init)
        ?? "?"
    }
    return [
      [
        "memcheck",
        "\(blocks("definitely lost")) definitely + \(blocks("indirectly lost")) indirectly + \(blocks("possibly lost")) possibly",
        "yes", format(result.seconds), "-",
      ]
    ]
  }

  private func sanitizer(_ sources: [String], _ folder: String, _ truth: String) throws -> [[String]] {
    let program = folder + "/leakzoo-asan"
    do { try build(sources, ["-O", "-sanitize=address"], program) } catch {
      return [["LeakSanitizer", "does not build here", "", "", ""]]
    }
    let result = try Child.run(
      [program, truth, "--count", count, "--exit"], environment: ["ASAN_OPTIONS": "detect_leaks=1"], limit: 900)
    let summary = result.errors.split(separator: "\n").last { $0.contains("SUMMARY") }
    let words = summary?.split(separator: " ") ?? []
    let reported = words.firstIndex(of: "in").map { String(words[$0 + 1]) } ?? "no summary"
    return [["LeakSanitizer", reported, "yes, and a rebuild", format(result.seconds), "-"]]
  }
}
