import Foundation
import Reports
import Synchronization

@testable import WebUI

/// A server on a free port of loopback, as long as the body runs.
enum RunningServer {
  static let token = "0123456789abcdef0123"

  static func with(
    _ history: RecordedHistory, diagnose: @escaping DiagnosisJobs.Body = { _, _, _ in throw Failure("not asked for") },
    _ body: @Sendable (_ port: UInt16, _ address: String) async throws -> Void
  ) async throws {
    let options = WebServer.Options(
      address: .loopback(port: 0), token: try AccessToken(token), historyPath: history.path)
    let server = try WebServer(options, diagnose: diagnose)
    let (ready, continuation) = AsyncStream.makeStream(of: String.self)
    let task = Task { try await server.run { continuation.yield($0) } }
    var addresses = ready.makeAsyncIterator()
    let address = await addresses.next() ?? ""
    let port = UInt16(address.split(separator: ":").last?.prefix { $0.isNumber } ?? "") ?? 0
    do { try await body(port, address) } catch {
      await server.stop()
      _ = await task.result
      throw error
    }
    await server.stop()
    // It ends, and without an error.
    try await task.value
  }

  struct Failure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
  }
}
