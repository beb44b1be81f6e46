import FlyingFox
import Measurement

/// Decides before anything else whether a request may be answered at all.
///
/// - The `Host` header must name this server: a page of another site whose name was made to lead here (DNS rebinding) says its own name.
/// - Only GET reads and only POST acts; a POST must come from a page of this server and carry the token.
/// - Off loopback, reading takes the token, too.
struct Gatekeeper: Sendable {
  let address: ListenAddress
  let token: AccessToken
  /// Further names by which this server is called, for instance behind a proxy; in lower case.
  let names: Set<String>

  static let cookie = "memwhy-token"

  /// What to answer instead, or nil where the request may go on.
  func refuse(_ request: HTTPRequest) -> HTTPResponse? {
    guard isOwnName(request.headers[.host]) else {
      return .plain(.misdirectedRequest, "This server is not called that. Start it with --name NAME to allow a name.")
    }
    switch request.method {
    case .GET:
      guard address.isLoopback || isKnown(request) else {
        return .plain(.unauthorized, "The token is missing or wrong. Open the address that memwhy serve printed.")
      }
    case .POST:
      guard isSameOrigin(request) else { return .plain(.forbidden, "Only pages of this server may do that.") }
      guard isKnown(request) else {
        return .plain(.unauthorized, "The token is missing or wrong. Open the address that memwhy serve printed.")
      }
    default: return .plain(.methodNotAllowed, "Only GET and POST are known here.", ["Allow": "GET, POST"])
    }
    return nil
  }

  /// By the query (the printed address), the cookie that it leaves, or a header for scripts.
  func isKnown(_ request: HTTPRequest) -> Bool {
    if let value = request.query.first(where: { $0.name == "token" })?.value { return token.matches(value) }
    if let header = request.headers[.authorization], header.lowercased().hasPrefix("bearer ") {
      return token.matches(String(header.dropFirst(7)))
    }
    return cookies(request).contains { token.matches($0) }
  }

  private func cookies(_ request: HTTPRequest) -> [String] {
    (request.headers[.cookie] ?? "").split(separator: ";").compactMap { pair in
      let parts = pair.split(separator: "=", maxSplits: 1).map { $0.trimmingSpaces() }
      return parts.count == 2 && parts[0] == cookieName ? String(parts[1]) : nil
    }
  }

  /// With the port, because cookies do not know ports and two servers may run.
  var cookieName: String { "\(Self.cookie)-\(address.port)" }

  /// The port does not matter: a tunnel has its own, and a foreign name stays foreign on any.
  func isOwnName(_ host: String?) -> Bool {
    guard let host, let name = Self.name(in: host.lowercased()) else { return false }
    if names.contains(name) || name == address.host { return true }
    if address.isLoopback || address.isAny, ["localhost", "127.0.0.1", "::1"].contains(name) { return true }
    // Behind "all addresses" any number is this machine; only names can be made to lead here by somebody else.
    return address.isAny && (try? ListenAddress(parsing: name.contains(":") ? "[\(name)]" : name, port: 0)) != nil
  }

  /// Without the port; nil for what is no host.
  private static func name(in host: String) -> String? {
    func isPort(_ text: Substring) -> Bool { text.isEmpty || (text.first == ":" && UInt16(text.dropFirst()) != nil) }
    if host.hasPrefix("[") {
      guard let end = host.firstIndex(of: "]"), isPort(host[host.index(after: end)...]) else { return nil }
      return String(host[host.index(after: host.startIndex)..<end])
    }
    let name = host.prefix { $0 != ":" }
    return isPort(host[name.endIndex...]) && !name.isEmpty ? String(name) : nil
  }

  /// Browsers say with every POST where it comes from. Scripts that send no `Origin` have the token in a header, which no foreign page can set.
  private func isSameOrigin(_ request: HTTPRequest) -> Bool {
    if let site = request.headers[HTTPHeader("Sec-Fetch-Site")], site != "same-origin" { return false }
    guard let origin = request.headers[HTTPHeader("Origin")] else { return request.headers[.authorization] != nil }
    guard let slashes = origin.firstRange(of: "://") else { return false }
    return origin[slashes.upperBound...].lowercased() == request.headers[.host]?.lowercased()
  }
}
