import FlyingFox

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

  func isOwnName(_ host: String?) -> Bool {
    guard let host, let (name, port) = Self.split(host.lowercased()) else { return false }
    // A proxy in front may have another port, under the names that were given.
    if names.contains(name) { return true }
    guard port == address.port || (port == nil && address.port == 80) else { return false }
    if name == address.host { return true }
    if address.isLoopback || address.isAny, ["localhost", "127.0.0.1", "::1"].contains(name) { return true }
    // Behind "all addresses" any number is this machine; only names can be made to lead here by somebody else.
    return address.isAny && (try? ListenAddress(parsing: name.contains(":") ? "[\(name)]" : name, port: 0)) != nil
  }

  private static func split(_ host: String) -> (name: String, port: UInt16?)? {
    if host.hasPrefix("[") {
      guard let end = host.firstIndex(of: "]") else { return nil }
      let name = String(host[host.index(after: host.startIndex)..<end])
      let rest = host[host.index(after: end)...]
      if rest.isEmpty { return (name, nil) }
      guard rest.hasPrefix(":"), let port = UInt16(rest.dropFirst()) else { return nil }
      return (name, port)
    }
    guard let colon = host.lastIndex(of: ":") else { return (host, nil) }
    guard let port = UInt16(host[host.index(after: colon)...]) else { return nil }
    return (String(host[..<colon]), port)
  }

  /// Browsers say with every POST where it comes from. Scripts that send no `Origin` have the token in a header, which no foreign page can set.
  private func isSameOrigin(_ request: HTTPRequest) -> Bool {
    if let site = request.headers[HTTPHeader("Sec-Fetch-Site")], site != "same-origin" { return false }
    guard let origin = request.headers[HTTPHeader("Origin")] else { return request.headers[.authorization] != nil }
    guard let slashes = origin.firstRange(of: "://") else { return false }
    return origin[slashes.upperBound...].lowercased() == request.headers[.host]?.lowercased()
  }
}

extension StringProtocol {
  func trimmingSpaces() -> SubSequence {
    var result = self[...]
    while result.first == " " { result = result.dropFirst() }
    while result.last == " " { result = result.dropLast() }
    return result
  }
}
