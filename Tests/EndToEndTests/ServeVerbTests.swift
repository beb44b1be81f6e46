import Foundation
import Glibc
import TestSupport
import Testing

/// `memwhy serve` under more connections than it has descriptors.
@Suite struct ServeVerbTests {
  /// Whoever opens connections without end is cut off; the server stays.
  @Test func moreConnectionsThanDescriptorsEndNothing() throws {
    let history = NSTemporaryDirectory() + "memwhy-serve-\(UInt64.random(in: 0 ... .max)).db"
    let serve = [try MemwhyBinary.path(), "serve", "--port", "0", "--history", history]
    let server = try RunningProgram(
      "/bin/sh", ["-c", "ulimit -n 48; exec \"$@\"", "sh"] + serve, ready: "/?token=")
    defer { server.stop() }
    let port = try #require(
      server.output.split(separator: ":").last.flatMap { UInt16($0.prefix { $0.isNumber }) })
    for _ in 0..<2 {
      let greedy = (0..<100).map { _ in Self.connection(to: port) }
      usleep(500_000)
      for descriptor in greedy where descriptor >= 0 { close(descriptor) }
      var answer = ""
      for _ in 0..<50 where !answer.hasPrefix("HTTP/1.1 200") {
        usleep(100_000)
        answer = Self.ask(port)
      }
      #expect(answer.hasPrefix("HTTP/1.1 200") && server.isRunning, "\(answer.prefix(100))")
    }
  }

  private static func connection(to port: UInt16) -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var limit = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
    }
    if code == 0 { return descriptor }
    close(descriptor)
    return -1
  }

  private static func ask(_ port: UInt16) -> String {
    let descriptor = connection(to: port)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    let request = Array("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
    guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { return "" }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = recv(descriptor, &bytes, bytes.count, 0)
    return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
  }
}
