import Glibc

/// One HTTP/1.1 connection to this machine, kept alive.
final class Connection {
  private let descriptor: Int32
  private var buffer = [UInt8](repeating: 0, count: 65_536)

  /// nil where nobody listens on that port of 127.0.0.1.
  init?(port: UInt16) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let status = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { return nil }
  }

  deinit { close(descriptor) }

  /// The body of the answer to `GET <path>`; nil where the request failed or was not answered with 200.
  func get(_ path: String) -> String? {
    var request = Array("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8)[...]
    while !request.isEmpty {
      let count = request.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, 0) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return nil }
      request = request.dropFirst(count)
    }
    return readAnswer()
  }

  private func readAnswer() -> String? {
    var answer: [UInt8] = []
    while answer.count < 1 << 20 {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return nil }
      answer.append(contentsOf: buffer[..<count])
      guard let (head, body) = Self.lengths(of: answer), answer.count >= head + body else { continue }
      guard answer.starts(with: Array("HTTP/1.1 200".utf8)) else { return nil }
      return String(decoding: answer[head..<head + body], as: UTF8.self)
    }
    return nil
  }

  /// Bytes of head and of body; nil while the head is not complete.
  private static func lengths(of answer: [UInt8]) -> (head: Int, body: Int)? {
    let text = String(decoding: answer.prefix(4_096), as: UTF8.self)
    guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
    let head = text[..<end.lowerBound].lowercased()
    let lines = head.split(separator: "\r\n")
    let field = lines.first { $0.hasPrefix("content-length:") }
    let body = field?.split(separator: ":").last.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    return (text[..<end.upperBound].utf8.count, min(max(body, 0), 1 << 20))
  }
}
