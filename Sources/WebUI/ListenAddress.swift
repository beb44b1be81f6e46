import FlyingFox
import FlyingSocks
import Glibc

/// Where the pages are served: an address of this machine and a port.
public struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
  /// In numbers, without brackets.
  public var host: String
  /// 0 for any that is free.
  public var port: UInt16
  let isVersion6: Bool

  public static func loopback(port: UInt16) -> ListenAddress {
    ListenAddress(host: "127.0.0.1", port: port, isVersion6: false)
  }

  private init(host: String, port: UInt16, isVersion6: Bool) {
    self.host = host
    self.port = port
    self.isVersion6 = isVersion6
  }

  /// `0.0.0.0:7788`, `[::1]:7788`, `localhost:7788`; without a port that of `port`.
  /// - Throws: `WebError.badAddress`; names are not looked up.
  public init(parsing text: String, port defaultPort: UInt16) throws(WebError) {
    var host = text[...]
    var port = defaultPort
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { throw .badAddress(text) }
      host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      if !rest.isEmpty {
        guard rest.hasPrefix(":"), let number = UInt16(rest.dropFirst()) else { throw .badAddress(text) }
        port = number
      }
    } else if let colon = text.lastIndex(of: ":"), text.firstIndex(of: ":") == colon {
      guard let number = UInt16(text[text.index(after: colon)...]) else { throw .badAddress(text) }
      host = text[..<colon]
      port = number
    }
    let name = host == "localhost" ? "127.0.0.1" : String(host)
    var four = in_addr()
    var six = in6_addr()
    if inet_pton(AF_INET, name, &four) == 1 {
      self.init(host: name, port: port, isVersion6: false)
    } else if inet_pton(AF_INET6, name, &six) == 1 {
      self.init(host: name, port: port, isVersion6: true)
    } else {
      throw .badAddress(text)
    }
  }

  /// Only programs of this machine can reach it.
  public var isLoopback: Bool { isVersion6 ? host == "::1" : host.hasPrefix("127.") }

  /// Listens on all addresses of the machine.
  var isAny: Bool { host == "0.0.0.0" || host == "::" }

  public var description: String { isVersion6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

  func configuration() throws(WebError) -> HTTPServer.Configuration {
    do {
      // Bodies here are a line; a slow handler is the history's, which waits at most 5 s for a writer.
      if isVersion6 {
        return HTTPServer.Configuration(
          address: try sockaddr_in6.inet6(ip6: host, port: port), timeout: 30, sharedRequestReplaySize: 65_536,
          logger: .disabled)
      }
      return HTTPServer.Configuration(
        address: try sockaddr_in.inet(ip4: host, port: port), timeout: 30, sharedRequestReplaySize: 65_536,
        logger: .disabled)
    } catch { throw .badAddress(description) }
  }
}
