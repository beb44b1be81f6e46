import Foundation
import Glibc

/// A connection that says exactly what it is told, which a well-behaved client would not.
final class RawClient {
  struct Answer: Sendable {
    var status: Int
    var headers: [String: String]
    var body: String
  }

  private let descriptor: Int32

  init(port: UInt16) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard code == 0 else { throw POSIXError(.ECONNREFUSED) }
  }

  deinit { close(descriptor) }

  func send(_ text: String) {
    _ = Array(text.utf8).withUnsafeBytes {
      Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
  }

  /// Until the other side closes, or 20 s without a byte.
  func receive() -> String {
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(descriptor, &part, part.count, 0)
      guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
      bytes += part[..<count]
    }
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
