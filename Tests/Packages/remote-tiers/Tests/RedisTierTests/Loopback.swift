import Foundation
import Synchronization

/// Sockets of the loopback.
enum Loopback {
  struct Failed: Error { let call: String }

  private static func address(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }

  private static func call(
    _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ descriptor: Int32, _ port: Int
  ) -> Int32 {
    var address = address(port)
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        function(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  static func listen() throws -> (descriptor: Int32, port: Int) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard call({ bind($0, $1, $2) }, descriptor, 0) == 0, Glibc.listen(descriptor, 64) == 0 else {
      throw Failed(call: "bind")
    }
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
    }
    guard result == 0 else { throw Failed(call: "getsockname") }
    return (descriptor, Int(in_port_t(bigEndian: address.sin_port)))
  }

  static func freePort() throws -> Int {
    let (descriptor, port) = try listen()
    close(descriptor)
    return port
  }

  static func connect(_ port: Int) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard call({ Glibc.connect($0, $1, $2) }, descriptor, port) == 0 else {
      close(descriptor)
      throw Failed(call: "connect")
    }
    var limit = timeval(tv_sec: 2, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    return descriptor
  }
}

/// A server of the test: accepts, and hands each connection to a closure on a thread of its own.
final class FakeServer: Sendable {
  let port: Int
  private let descriptor: Int32
  private let connections = Mutex<[Int32]>([])

  init(_ serve: @escaping @Sendable (Int32) -> Void) throws {
    (descriptor, port) = try Loopback.listen()
    let listening = descriptor
    Thread.detachNewThread { [weak self] in
      while true {
        let connection = accept(listening, nil, nil)
        guard connection >= 0 else {
          // By the thread that uses it: its number may be another socket's as soon as it is closed.
          close(listening)
          return
        }
        self?.connections.withLock { $0.append(connection) }
        Thread.detachNewThread { serve(connection) }
      }
    }
  }

  /// Says these bytes to whoever says something.
  static func saying(_ bytes: [UInt8]) throws -> FakeServer {
    try FakeServer { connection in
      while !Self.read(connection).isEmpty { _ = Self.write(connection, bytes) }
    }
  }

  static func read(_ connection: Int32) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 65536)
    let count = recv(connection, &bytes, bytes.count, 0)
    return Array(bytes.prefix(max(0, count)))
  }

  static func write(_ connection: Int32, _ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  deinit {
    shutdown(descriptor, Int32(SHUT_RDWR))
    // Shut, not closed: their threads may read them still.
    connections.withLock { for connection in $0 { shutdown(connection, Int32(SHUT_RDWR)) } }
  }
}

extension FakeServer {
  /// Sends on what a client says to a server, and gives each part of the answers to a closure, until that returns false or one of both ends.
  static func forward(_ client: Int32, to port: Int, answer: ([UInt8]) -> Bool) {
    guard let upstream = try? Loopback.connect(port) else { return }
    let isOver = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      while true {
        let bytes = read(client)
        guard !bytes.isEmpty, write(upstream, bytes) else { break }
      }
      shutdown(upstream, Int32(SHUT_RDWR))
      isOver.signal()
    }
    while true {
      var poll = pollfd(fd: upstream, events: Int16(POLLIN), revents: 0)
      Glibc.poll(&poll, 1, 60_000)
      let bytes = read(upstream)
      guard !bytes.isEmpty, answer(bytes) else { break }
    }
    shutdown(client, Int32(SHUT_RDWR))
    shutdown(upstream, Int32(SHUT_RDWR))
    // Only then: the other thread must not shut, or write to, whatever has its number next.
    isOver.wait()
    close(upstream)
  }
}

/// A proxy that lets answers wait.
final class SlowProxy: Sendable {
  let delay = Mutex(Duration.zero)
  private let server = Mutex<FakeServer?>(nil)

  var port: Int { server.withLock { $0?.port ?? 0 } }

  init(to port: Int) throws {
    let made = try FakeServer { [weak self] client in
      FakeServer.forward(client, to: port) { bytes in
        let delay = self?.delay.withLock { $0 } ?? .zero
        if delay > .zero { Thread.sleep(forTimeInterval: delay / .seconds(1)) }
        return FakeServer.write(client, bytes)
      }
    }
    server.withLock { $0 = made }
  }
}
