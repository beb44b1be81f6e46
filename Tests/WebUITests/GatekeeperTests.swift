import FlyingFox
import Foundation
import Testing

@testable import WebUI

/// Who may ask what, decided on requests without a network.
struct GatekeeperTests {
  private static let secret = "0123456789abcdef"

  private func keeper(_ address: String = "127.0.0.1:7788", names: Set<String> = []) throws -> Gatekeeper {
    Gatekeeper(
      address: try ListenAddress(parsing: address, port: 7788), token: try AccessToken(Self.secret), names: names)
  }

  private func request(
    _ method: HTTPMethod = .GET, _ headers: [String: String] = ["Host": "127.0.0.1:7788"], query: [String: String] = [:]
  ) -> HTTPRequest {
    HTTPRequest(
      method: method, version: .http11, path: "/",
      query: query.map { HTTPRequest.QueryItem(name: $0.key, value: $0.value) },
      headers: Dictionary(uniqueKeysWithValues: headers.map { (HTTPHeader($0.key), $0.value) }), body: Data())
  }

  @Test(arguments: [
    ("127.0.0.1:7788", true), ("localhost:7788", true), ("LOCALHOST:7788", true), ("[::1]:7788", true),
    ("127.0.0.1", true), ("localhost:9999", true), ("127.0.0.1:", false), ("evil.example:7788", false),
    ("localhost.evil.example:7788", false),
    ("127.0.0.1.evil.example:7788", false), ("", false), (":7788", false), ("[::1", false), ("[::1]7788", false),
    ("10.0.0.1:7788", false), ("127.0.0.1:99999", false), ("user@127.0.0.1:7788", false),
  ])
  func hostOnLoopback(host: String, isAllowed: Bool) throws {
    #expect(try (keeper().refuse(request(.GET, ["Host": host])) == nil) == isAllowed)
  }

  @Test func hostIsNeeded() throws {
    #expect(try keeper().refuse(request(.GET, [:]))?.statusCode == .misdirectedRequest)
  }

  /// Behind all addresses any number is this machine, a name only if it was given.
  @Test(arguments: [
    ("10.1.2.3:7788", true), ("[fe80::1]:7788", true), ("localhost:7788", true), ("metrics.example", true),
    ("metrics.example:443", true), ("other.example:7788", false), ("10.1.2.3:80", true), ("10.1.2.999:7788", false),
  ])
  func hostOnAllAddresses(host: String, isAllowed: Bool) throws {
    let keeper = try keeper("0.0.0.0:7788", names: ["metrics.example"])
    #expect(keeper.isOwnName(host) == isAllowed)
  }

  /// On loopback reading is free; elsewhere it takes the token, however it comes.
  @Test func readingTakesTheTokenOffLoopback() throws {
    let open = try keeper("0.0.0.0:7788")
    let host = ["Host": "10.1.2.3:7788"]
    #expect(try keeper().refuse(request()) == nil)
    #expect(open.refuse(request(.GET, host))?.statusCode == .unauthorized)
    #expect(open.refuse(request(.GET, host, query: ["token": Self.secret])) == nil)
    #expect(open.refuse(request(.GET, host, query: ["token": Self.secret + "0"]))?.statusCode == .unauthorized)
    #expect(open.refuse(request(.GET, host.merging(["Authorization": "Bearer \(Self.secret)"]) { $1 })) == nil)
    #expect(open.refuse(request(.GET, host.merging(["Cookie": "a=b; memwhy-token-7788=\(Self.secret)"]) { $1 })) == nil)
    for cookie in ["memwhy-token-7789=\(Self.secret)", "memwhy-token-7788=", "memwhy-token-7788", "x", ""] {
      #expect(open.refuse(request(.GET, host.merging(["Cookie": cookie]) { $1 }))?.statusCode == .unauthorized)
    }
  }

  /// Acting takes the token and a page of this server, on loopback as well.
  @Test func actingTakesTokenAndOrigin() throws {
    let keeper = try keeper()
    let host = ["Host": "127.0.0.1:7788"]
    let cookie = ["Cookie": "memwhy-token-7788=\(Self.secret)"]
    func status(_ headers: [String: String]...) -> Int? {
      keeper.refuse(request(.POST, headers.reduce(host) { $0.merging($1) { $1 } }))?.statusCode.code
    }
    let own = ["Origin": "http://127.0.0.1:7788"]
    #expect(status(own, cookie) == nil)
    #expect(status(own) == 401)
    #expect(status(cookie) == 403)
    #expect(status(cookie, ["Origin": "http://evil.example"]) == 403)
    #expect(status(cookie, ["Origin": "http://127.0.0.1:7789"]) == 403)
    #expect(status(cookie, ["Origin": "null"]) == 403)
    #expect(status(cookie, own, ["Sec-Fetch-Site": "cross-site"]) == 403)
    #expect(status(cookie, own, ["Sec-Fetch-Site": "same-origin"]) == nil)
    #expect(status(["Authorization": "Bearer \(Self.secret)"]) == nil)
    #expect(status(["Authorization": "Bearer wrong"]) == 401)
  }

  @Test(arguments: ["PUT", "DELETE", "OPTIONS", "HEAD", "TRACE", "PATCH", "CONNECT", "BREW"])
  func otherMethodsAreRefused(method: String) throws {
    #expect(try keeper().refuse(request(HTTPMethod(method)))?.statusCode == .methodNotAllowed)
  }

  @Test func tokensMatchAsAWhole() throws {
    #expect(throws: WebError.shortToken(length: 3)) { try AccessToken("abc") }
    #expect(throws: WebError.badToken) { try AccessToken("0123456789abcdef; Path=/") }
    let token = try AccessToken(Self.secret)
    #expect(token.matches(Self.secret))
    for guess in ["", "0", String(Self.secret.dropLast()), Self.secret + "0", Self.secret.uppercased()] {
      #expect(!token.matches(guess))
    }
    #expect(AccessToken.random() != AccessToken.random() && AccessToken.random().text.count == 32)
  }

  @Test(arguments: [
    ("127.0.0.1:80", "127.0.0.1:80", true), ("0.0.0.0", "0.0.0.0:7788", false), ("[::1]:9", "[::1]:9", true),
    ("[::]", "[::]:7788", false), ("localhost:1", "127.0.0.1:1", true), ("127.9.9.9", "127.9.9.9:7788", true),
    ("10.0.0.1:65535", "10.0.0.1:65535", false), ("::1", "[::1]:7788", true),
  ])
  func addresses(text: String, shown: String, isLoopback: Bool) throws {
    let address = try ListenAddress(parsing: text, port: 7788)
    #expect(address.description == shown && address.isLoopback == isLoopback)
  }

  @Test(arguments: [
    "", "example.org:80", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "[::1", "[::1]x", "256.1.1.1", "1:2:3",
  ])
  func badAddresses(text: String) {
    #expect(throws: WebError.badAddress(text)) { try ListenAddress(parsing: text, port: 1) }
  }
}
