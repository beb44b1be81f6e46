/// Why the pages cannot be served.
public enum WebError: Error, Hashable, Sendable, CustomStringConvertible {
  case badAddress(String)
  case portInUse(address: String, port: UInt16)
  case cannotListen(address: String, port: UInt16, reason: String)
  case shortToken(length: Int)

  public var description: String {
    switch self {
    case .badAddress(let text):
      "'\(text)' is no address to listen on; write it like 127.0.0.1:7788, 0.0.0.0:7788 or [::1]:7788"
    case .portInUse(let address, let port):
      "\(address):\(port) is in use by another program; choose another port with --port, or 0 for any free one"
    case .cannotListen(let address, let port, let reason):
      "cannot listen on \(address):\(port): \(reason); choose another address or port"
    case .shortToken(let length):
      "the token has \(length) characters; give one of at least 16, or none for a random one"
    }
  }
}
