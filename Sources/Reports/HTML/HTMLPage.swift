import FoundationEssentials

/// A page that needs nothing but itself: its style, script and data are inside, and its policy lets the browser load and run nothing else.
struct HTMLPage {
  var title: String
  var body: Markup
  /// What the script draws; nil for a page without charts.
  var data: PageData?

  func render() throws(ReportsError) -> String {
    let script = [HTMLAssets.theme, HTMLAssets.scales, HTMLAssets.timeline, HTMLAssets.icicle, HTMLAssets.report]
      .joined(separator: "\n")
    let policy =
      "default-src 'none'; style-src '\(Self.digest(HTMLAssets.style))'; script-src '\(Self.digest(script))'; "
      + "base-uri 'none'; form-action 'none'"
    let page: Markup = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8"/>
      <meta http-equiv="Content-Security-Policy" content="\(Markup(stringLiteral: policy))"/>
      <meta name="viewport" content="width=device-width, initial-scale=1"/>
      <meta name="color-scheme" content="light dark"/>
      <meta name="referrer" content="no-referrer"/>
      <title>\(TextStyle.shorten(title, to: 120))</title>
      <style>\(Markup(stringLiteral: HTMLAssets.style))</style>
      </head>
      <body>
      \(body)
      <script type="application/json" id="data">\(try dataBlock())</script>
      <script>\(Markup(stringLiteral: script))</script>
      </body>
      </html>

      """
    return page.text
  }

  private static func digest(_ text: String) -> String {
    "sha256-" + Data(SHA256.hash(Array(text.utf8))).base64EncodedString()
  }

  /// JSON in which no `<` is left, so that no string in it can end the element.
  private func dataBlock() throws(ReportsError) -> Markup {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      let json = String(decoding: try encoder.encode(data ?? PageData()), as: UTF8.self)
      return Markup(
        stringLiteral: json.replacing("<", with: "\\u003c").replacing(">", with: "\\u003e").replacing(
          "&", with: "\\u0026"))
    } catch { throw .notEncodable("\(error)") }
  }
}
