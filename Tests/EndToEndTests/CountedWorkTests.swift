import Diagnosis
import Foundation
import ProcessImage
import Reports
import TestSupport
import Testing
import Timeline

@testable import MemwhyCLI

/// Work is counted at the instants at which the heap was copied: of a service that adds one entry for each request, one entry for each request.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct CountedWorkTests {
  private struct Service {
    let program: RunningProgram
    let load: String

    init() throws {
      program = try RunningProgram(
        TestProgram.path("counted.swift", .swift(["-O", "-swift-version", "5"])), ready: "listening on ")
      guard let port = program.output.split(separator: "\n").first?.split(separator: " ").last.flatMap({ UInt16($0) })
      else { throw TestFailure("no port: \(program.output)") }
      load = "visits_total@http://127.0.0.1:\(port)/metrics"
    }
  }

  /// However long the heaps take to be read beside a short watch.
  @Test func entriesForEachRequest() throws {
    let service = try Service()
    defer { service.program.stop() }
    let result = try MemwhyBinary.run(
      ["diagnose", "\(service.program.pid)", "--for", "2s", "--load", service.load, "--json"])
    #expect(result.status == 0, "\(result.errors)")
    let growth = try #require(try JSONReport.parse(result.output).growth)
    let first = try #require(growth.findings.first)
    #expect(first.cause == .collection, "\(growth.sentence)")
    let line = try #require(
      first.evidence.first { $0.contains("are added for each count of visits_total") }, "\(first.evidence)")
    let each = try #require(line.split(separator: " ").first.flatMap { Double($0) })
    #expect(abs(each - 1) < 0.05, "\(line)")
  }

  /// A snapshot of a watch has the count of its own instant, and not of the sample that it came with.
  @Test func aSnapshotInTheHistory() throws {
    let service = try Service()
    defer { service.program.stop() }
    let folder = TemporaryPath("counted")
    let watch = try MemwhyBinary.run([
      "watch", "\(service.program.pid)", "--for", "4s", "--snapshots", "10s", "--load", service.load, "--history",
      folder.path + "/history.db", "--quiet",
    ])
    #expect(watch.status == 0, "\(watch.errors)")
    let history = try History.reading(folder.path + "/history.db")
    let captures = try history.captures(runs: history.runs().map(\.id))
    let facts = try JSONDecoder().decode(HeapFacts.self, from: Data(try #require(captures.first).content.utf8))
    let work = try #require(facts.work)
    let entries = try #require(
      facts.holders?.compactMap(\.container).filter { $0.kind == .dictionary }.map(\.entries).max())
    #expect(work.name == "visits_total")
    // Two readings a second apart, and a tenth of a second for what a busy machine holds up.
    #expect(abs(work.count - Double(entries)) < 200, "\(work) \(entries)")
  }
}
