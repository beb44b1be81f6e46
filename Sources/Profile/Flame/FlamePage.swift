import Measurement

/// One HTML file with a flame graph: no network, no other files. Styles and code are `flame.css` and `flame.js` beside this file.
public enum FlamePage {
  /// - Parameter title: for the page's head.
  public static func render(_ tree: StackTree, title: String) -> [UInt8] {
    // Only these two blocks may run; whatever a name in a profile manages to be, it is not code.
    let nonce =
      CFormat.hexadecimal(.random(in: .min ... .max), digits: 16)
      + CFormat.hexadecimal(.random(in: .min ... .max), digits: 16)
    var page = """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'nonce-\(nonce)'; script-src 'nonce-\(nonce)'; base-uri 'none'; form-action 'none'">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(escaped(title))</title>
      <style nonce="\(nonce)">

      """.utf8.map { $0 }
    page += PackageResources.flame_css
    page += Array(
      """
      </style>
      </head>
      <body>
      <header>
      <h1>\(escaped(title))</h1>
      <p class="labels">\(tree.labels.map { escaped($0) }.joined(separator: " · "))</p>
      </header>
      <main id="flame"></main>
      <noscript><p>This page draws with JavaScript.</p></noscript>
      <script type="application/json" id="data">
      """.utf8)
    page += data(tree)
    page += Array("</script>\n<script nonce=\"\(nonce)\">\n".utf8)
    page += PackageResources.flame_js
    page += Array("</script>\n</body>\n</html>\n".utf8)
    return page
  }

  /// `{"unit", "isDifference", "names", "nodes"}`; a node is `[name, value, base, child, …]`.
  static func data(_ tree: StackTree) -> [UInt8] {
    var out = JSONText()
    var used: [Int: Int] = [:]
    var names: [Int] = []
    for node in tree.nodes where used[node.name] == nil {
      used[node.name] = names.count
      names.append(node.name)
    }
    out.raw(#"{"unit":"#)
    out.string(tree.sampleType.unit)
    out.raw(#","isDifference":"#)
    if tree.isDifference { out.raw("true") } else { out.raw("false") }
    out.raw(#","names":"#)
    out.list(names) { name, out in out.string(tree.names[name]) }
    out.raw(#","nodes":"#)
    out.list(tree.nodes) { node, out in
      out.list([Int64(used[node.name] ?? 0), node.value, node.base] + node.children.map { Int64($0) }) { $1.number($0) }
    }
    out.raw("}")
    return out.bytes
  }

  private static func escaped(_ text: String) -> String { SafeText.line(SafeText.html(text)) }
}
