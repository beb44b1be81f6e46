import Foundation
import TestSupport

extension RawClient {
  struct Answer: Sendable {
    var status: Int
    var headers: [String: String]
    var body: String
  }

  /// Waits on a thread of its own: the server answers on those of the tests.
  static func ask(
    _ path: String, method: String = "GET", port: UInt16, headers: [String: String] = [:]
  ) async throws -> Answer {
    try await Aside.run { try exchange(path, method, port, headers) }
  }

  private static func exchange(
    _ path: String, _ method: String, _ port: UInt16, _ headers: [String: String]
  ) throws -> Answer {
    let client = try RawClient(port: port)
    var all = ["Host": "127.0.0.1:\(port)", "Connection": "close", "Content-Length": "0"]
    all.merge(headers) { $1 }
    client.send("\(method) \(path) HTTP/1.1\r\n" + all.map { "\($0): \($1)\r\n" }.joined() + "\r\n")
    let text = client.receive()
    guard let end = text.firstRange(of: "\r\n\r\n") else { return Answer(status: 0, headers: [:], body: text) }
    let lines = text[..<end.lowerBound].split(separator: "\r\n")
    let status = lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    let pairs = lines.dropFirst().compactMap { line -> (String, String)? in
      let parts = line.split(separator: ":", maxSplits: 1)
      return parts.count == 2 ? (parts[0].lowercased(), parts[1].trimmingCharacters(in: .whitespaces)) : nil
    }
    return Answer(
      status: status, headers: Dictionary(pairs) { first, _ in first }, body: String(text[end.upperBound...]))
  }
}

/// Runs what blocks on a thread of its own, so that the pool's threads stay free for the server under test.
enum Aside {
  static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
  }
}
