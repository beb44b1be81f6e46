import FlyingFox
import Reports

/// The page of `memwhy serve`: the charts of the reports, and what fetches for them.
enum WebAssets {
  static let style = HTMLAssets.style + "\n" + text(PackageResources.app_css)
  static let script = [
    HTMLAssets.theme, HTMLAssets.scales, HTMLAssets.timeline, HTMLAssets.icicle, text(PackageResources.app_js),
  ]
  .joined(separator: "\n")
  static let page = text(PackageResources.index_html)

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}

extension HTTPResponse {
  static let page = HTTPResponse.text(
    "text/html", WebAssets.page,
    [
      "Content-Security-Policy":
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ])
}
