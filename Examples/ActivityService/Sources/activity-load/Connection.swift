import Glibc

/// One HTTP/1.1 connection to this machine, kept alive.
final class Connection {
  private let descriptor: Int32
  private var buffer = [UInt8](repeating: 0, count: 65_536)
  private static let largestAnswer = 1 << 20

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

  /// Sends a request without a body and reads the whole answer. False where it failed or was not answered with 2xx.
  func send(_ method: String, _ path: String) -> Bool {
    let request =
      "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: activity-load\r\nContent-Length: 0\r\n\r\n"
    var unsent = Array(request.utf8)[...]
    while !unsent.isEmpty {
      let count = unsent.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      unsent = unsent.dropFirst(count)
    }
    return readAnswer()
  }

  private func readAnswer() -> Bool {
    var answer: [UInt8] = []
    while answer.count < Self.largestAnswer {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      answer.append(contentsOf: buffer[..<count])
      guard let head = Self.headLength(answer) else { continue }
      let length = Self.contentLength(answer[..<head])
      guard answer.count >= head + length else { continue }
      return answer.starts(with: Array("HTTP/1.1 2".utf8))
    }
    return false
  }

  /// Bytes up to and with the empty line; nil while it has not come.
  private static func headLength(_ answer: [UInt8]) -> Int? {
    guard answer.count >= 4 else { return nil }
    for index in 3..<min(answer.count, 16_384)
    where answer[index] == 10 && answer[index - 1] == 13 && answer[index - 2] == 10 && answer[index - 3] == 13 {
      return index + 1
    }
    return nil
  }

  private static func contentLength(_ head: ArraySlice<UInt8>) -> Int {
    let field = String(decoding: head, as: UTF8.self).lowercased().split(separator: "\r\n")
      .first { $0.hasPrefix("content-length:") }
    let value = field?.split(separator: ":").last.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    return min(max(value, 0), largestAnswer)
  }
}
