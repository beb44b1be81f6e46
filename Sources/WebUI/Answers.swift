import FlyingFox
import FoundationEssentials

extension HTTPResponse {
  /// What every answer says: nothing of it is kept, framed, sniffed or told to other sites.
  private static func headers(_ type: String, _ more: [String: String]) -> HTTPHeaders {
    var headers = HTTPHeaders([
      .contentType: type, .cacheControl: "no-store", HTTPHeader("X-Content-Type-Options"): "nosniff",
      HTTPHeader("Referrer-Policy"): "no-referrer", HTTPHeader("X-Frame-Options"): "DENY",
      HTTPHeader("Cross-Origin-Resource-Policy"): "same-origin",
      HTTPHeader("Content-Security-Policy"): "default-src 'none'; frame-ancestors 'none'",
    ])
    for (name, value) in more { headers[HTTPHeader(name)] = value }
    return headers
  }

  static func plain(_ status: HTTPStatusCode, _ text: String, _ more: [String: String] = [:]) -> HTTPResponse {
    HTTPResponse(
      statusCode: status, headers: headers("text/plain; charset=utf-8", more), body: Data((text + "\n").utf8))
  }

  static func text(_ type: String, _ text: String, _ more: [String: String] = [:]) -> HTTPResponse {
    HTTPResponse(statusCode: .ok, headers: headers("\(type); charset=utf-8", more), body: Data(text.utf8))
  }

  static func json(_ value: some Encodable, _ status: HTTPStatusCode = .ok) -> HTTPResponse {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(value) else { return .plain(.internalServerError, "The answer has no JSON.") }
    return HTTPResponse(statusCode: status, headers: headers("application/json; charset=utf-8", [:]), body: data)
  }
}

/// What is wrong with a request, for the person who made it.
struct BadRequest: Error, Sendable {
  var status: HTTPStatusCode
  var text: String

  init(_ text: String, _ status: HTTPStatusCode = .badRequest) {
    self.status = status
    self.text = text
  }
}

/// The values behind the question mark.
struct Query: Sendable {
  let items: [String: String]

  init(_ request: HTTPRequest) {
    items = Dictionary(request.query.map { ($0.name, $0.value) }) { first, _ in first }
  }

  func text(_ name: String) throws -> String {
    guard let value = items[name], !value.isEmpty else { throw BadRequest("\(name) is missing.") }
    return value
  }

  /// - Throws: `BadRequest` for anything but a number in the range.
  func number(_ name: String, in range: ClosedRange<Int64>, default fallback: Int64? = nil) throws -> Int64 {
    guard let value = items[name], !value.isEmpty else {
      if let fallback { return fallback }
      throw BadRequest("\(name) is missing.")
    }
    guard let number = Int64(value), range.contains(number) else {
      throw BadRequest("\(name) must be a number from \(range.lowerBound) to \(range.upperBound).")
    }
    return number
  }
}
