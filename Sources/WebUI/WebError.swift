/// Why the pages cannot be served.
public enum WebError: Error, Hashable, Sendable, CustomStringConvertible {
  case badAddress(String)
  case portInUse(address: String)
  case cannotListen(address: String, reason: String)
  case shortToken(length: Int)
  case badToken

  public var description: String {
    switch self {
    case .badAddress(let text):
      "'\(text)' is no address to listen on; write it in numbers, like 127.0.0.1:7788, 0.0.0.0:7788 or [::1]:7788"
    case .portInUse(let address):
      "\(address) is in use by another program; choose another port with --port, or 0 for any free one"
    case .cannotListen(let address, let reason):
      "cannot listen on \(address): \(reason); choose another address or port"
    case .shortToken(let length):
      "the token has \(length) characters; give one of \(AccessToken.shortest) and more, or none for a random one"
    case .badToken: "the token may hold letters, digits, - and _ only; choose another, or none for a random one"
    }
  }
}
