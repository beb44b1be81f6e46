import Glibc
import ProcessImage

/// One GET over plain TCP with a deadline for all of it. A metrics page needs no more, and no HTTP library links statically.
public enum HTTPGet {
  private static let largest = 16 << 20

  /// - Parameter timeout: nanoseconds from the first byte sent to the last one received.
  public static func body(host: String, port: UInt16, path: String, timeout: UInt64 = 2_000_000_000)
    throws(TimelineError)
    -> String
  {
    let place = "http://\(host):\(port)\(path)"
    func failure(_ reason: String) -> TimelineError { .badLoad(place, reason: reason) }
    let deadline = Clocks.monotonic &+ timeout
    let socket = try connect(host: host, port: port, deadline: deadline, failure: failure)
    defer { close(socket) }
    let request = "GET \(path) HTTP/1.0\r\nHost: \(host):\(port)\r\nAccept: text/plain\r\nConnection: close\r\n\r\n"
    var unsent = Array(request.utf8)[...]
    while !unsent.isEmpty {
      guard wait(socket, Int16(POLLOUT), deadline) else { throw failure("it does not take the request") }
      let count = unsent.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count < 0 && (errno == EAGAIN || errno == EINTR) { continue }
      guard count > 0 else { throw failure("the connection broke") }
      unsent = unsent.dropFirst(count)
    }
    var answer: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      guard wait(socket, Int16(POLLIN), deadline) else { throw failure("it does not answer in time") }
      let count = recv(socket, &chunk, chunk.count, 0)
      if count < 0 && (errno == EAGAIN || errno == EINTR) { continue }
      guard count >= 0 else { throw failure("the connection broke") }
      answer.append(contentsOf: chunk[..<count])
      guard answer.count <= largest else { throw failure("the page is larger than \(largest >> 20) MiB") }
      do throws(HTTPAnswer.Flaw) {
        if let body = try HTTPAnswer.body(of: answer, isWhole: count == 0) {
          return String(decoding: body, as: UTF8.self)
        }
      } catch { throw failure(reason(error)) }
    }
  }

  private static func reason(_ flaw: HTTPAnswer.Flaw) -> String {
    switch flaw {
    case .noAnswer: "it is no HTTP answer"
    case .status(let status): "it answers with status \(status)"
    case .coding(let name): "it answers in the coding \(name), which was not asked for"
    case .cut: "the answer is cut"
    }
  }

  private static func connect(
    host: String, port: UInt16, deadline: UInt64, failure: (String) -> TimelineError
  ) throws(TimelineError) -> Int32 {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, "\(port)", &hints, &list) == 0 else { throw failure("the host is not known") }
    defer { freeaddrinfo(list) }
    var reason = "nobody listens there"
    var next = list
    while let entry = next?.pointee {
      next = entry.ai_next
      let kind = entry.ai_socktype | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
      let socket = Glibc.socket(entry.ai_family, kind, 0)
      guard socket >= 0 else { continue }
      if Glibc.connect(socket, entry.ai_addr, entry.ai_addrlen) == 0 { return socket }
      if errno == EINPROGRESS {
        if wait(socket, Int16(POLLOUT), deadline) {
          var code: Int32 = 0
          var size = socklen_t(MemoryLayout<Int32>.size)
          if getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size) == 0, code == 0 { return socket }
        } else {
          reason = "it does not answer in time"
        }
      }
      close(socket)
    }
    throw failure(reason)
  }

  private static func wait(_ socket: Int32, _ events: Int16, _ deadline: UInt64) -> Bool {
    while true {
      let now = Clocks.monotonic
      guard now < deadline else { return false }
      var entry = pollfd(fd: socket, events: events, revents: 0)
      let count = poll(&entry, 1, Int32((deadline - now) / 1_000_000) + 1)
      if count < 0 && errno == EINTR { continue }
      return count > 0
    }
  }
}
