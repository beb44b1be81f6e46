import Foundation

/// Ports on 127.0.0.1 for servers that a test starts.
public enum LoopbackPort {
  /// One that nobody listens on now.
  public static func free() throws -> UInt16 {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = loopback(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { rebound -> UInt16 in
        guard bind(socket, rebound, size) == 0, getsockname(socket, rebound, &size) == 0 else { return 0 }
        return UInt16(bigEndian: pointer.pointee.sin_port)
      }
    }
    guard port > 0 else { throw TestFailure("no free port on 127.0.0.1") }
    return port
  }

  /// Whether somebody accepts connections on it.
  public static func isOpen(_ port: UInt16) -> Bool {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = loopback(port)
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }

  private static func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
  }
}
