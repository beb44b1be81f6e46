import Foundation
import Symbols
import TestSupport
import Testing

/// Programs that nobody wrote for this test, known to be healthy: none of their blocks may be reported.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct HealthyProgramTests {
  /// The toolchain's language server with an opened package: a Swift program with the whole compiler, in C++, inside.
  @Test func languageServer() throws {
    guard let path = LanguageServer.find() else { return skip("no sourcekit-lsp on this machine") }
    let server = try LanguageServer(path)
    defer { server.stop() }
    try server.openPackage()
    let judgement = try Judgement(pid: server.pid)
    let blocks = judgement.analysis.heap.blocks
    print(
      "sourcekit-lsp: \(blocks.count) blocks, \(blocks.totalBytes >> 20) MiB, \(judgement.unreachable.count) unreachable"
    )
    #expect(blocks.count > 10_000)
    #expect(judgement.failedChecks.isEmpty, "\(judgement.failedChecks)")
    #expect(judgement.unreachable.isEmpty, "\(judgement.describeUnreachable())")
  }

  /// The example's Hummingbird server with its leak switched off, under real load.
  @Test(LeakyService.isBuilt) func hummingbirdUnderLoad() throws {
    let service = try LeakyService(["--fixed"])
    defer { service.stop() }
    let load = try service.startLoad("30000", "20", "4", "1000")
    defer { load.stop() }
    var symbols: ImageSymbols?
    for round in 0..<4 {
      sleep(2)
      let judgement = try Judgement(pid: service.pid, symbols: symbols)
      symbols = judgement.symbols
      #expect(load.isRunning, "the load ended early: \(load.output)")
      print("hummingbird: \(judgement.analysis.heap.blocks.count) blocks, \(judgement.unreachable.count) unreachable")
      #expect(judgement.unreachable.isEmpty, "round \(round): \(judgement.describeUnreachable())")
    }
  }
}
