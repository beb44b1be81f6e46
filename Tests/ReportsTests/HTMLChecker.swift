/// A strict reader of the HTML that the report writes: tags close, attributes are quoted and once only, ids are unique, links lead inside.
struct HTMLChecker {
  private(set) var problems: [String] = []
  private(set) var ids: Set<String> = []
  private(set) var links: Set<String> = []
  private(set) var tags: [String: Int] = [:]
  /// Content of elements whose text is not markup, in order.
  private(set) var raw: [(tag: String, attributes: [String: String], content: String)] = []
  private(set) var text = ""

  private static let void: Set<String> = ["meta", "link", "br", "hr", "img", "input", "wbr"]

  init(_ page: String) {
    var rest = page[...]
    var open: [String] = []
    if rest.hasPrefix("<!DOCTYPE html>") { rest = rest.dropFirst(15) } else { problems.append("no doctype") }
    while let start = rest.firstIndex(of: "<") {
      take(text: rest[..<start])
      rest = rest[start...].dropFirst()
      guard let end = Self.end(of: rest) else {
        problems.append("a tag that does not end: \(rest.prefix(60))")
        return
      }
      var tag = rest[..<end]
      rest = rest[end...].dropFirst()
      if tag.hasPrefix("/") {
        let name = String(tag.dropFirst())
        if open.popLast() != name { problems.append("</\(name)> closes something else") }
        continue
      }
      let isClosed = tag.hasSuffix("/")
      if isClosed { tag = tag.dropLast() }
      let name = String(tag.prefix { !$0.isWhitespace })
      tags[name, default: 0] += 1
      let attributes = attributes(tag.dropFirst(name.count), of: name)
      if isClosed || Self.void.contains(name) { continue }
      open.append(name)
      guard name == "script" || name == "style" else { continue }
      guard let close = rest.firstRange(of: "</\(name)>") else {
        problems.append("<\(name)> does not end")
        return
      }
      raw.append((name, attributes, String(rest[..<close.lowerBound])))
      rest = rest[close.lowerBound...]
    }
    take(text: rest)
    if !open.isEmpty { problems.append("not closed: \(open)") }
    for link in links where link.hasPrefix("#") && !ids.contains(String(link.dropFirst())) {
      problems.append("no element for \(link)")
    }
  }

  /// The `>` that ends a tag, outside of quotes.
  private static func end(of text: Substring) -> Substring.Index? {
    var quoted = false
    for index in text.indices {
      if text[index] == "\"" { quoted.toggle() }
      if text[index] == ">" && !quoted { return index }
    }
    return nil
  }

  private mutating func attributes(_ text: Substring, of tag: String) -> [String: String] {
    var result: [String: String] = [:]
    var rest = text.drop(while: \.isWhitespace)
    while !rest.isEmpty {
      let name = String(rest.prefix { $0 != "=" && !$0.isWhitespace })
      rest = rest.dropFirst(name.count)
      guard rest.hasPrefix("=\"") else {
        problems.append("<\(tag)>: attribute \(name) without a quoted value")
        return result
      }
      rest = rest.dropFirst(2)
      let value = String(rest.prefix { $0 != "\"" })
      rest = rest.dropFirst(value.count + 1).drop(while: \.isWhitespace)
      if result.updateValue(value, forKey: name) != nil { problems.append("<\(tag)>: \(name) twice") }
      if name.hasPrefix("on") || name == "style" { problems.append("<\(tag)> has \(name)") }
      if name == "id", !ids.insert(value).inserted { problems.append("id \(value) twice") }
      if ["href", "src", "action", "data", "xlink:href"].contains(name) { links.insert(value) }
      take(text: value[...])
    }
    return result
  }

  private mutating func take(text part: Substring) {
    if part.contains("<") || part.contains(">") { problems.append("unescaped in \(part.prefix(60))") }
    for piece in part.split(separator: "&", omittingEmptySubsequences: false).dropFirst()
    where !["amp;", "lt;", "gt;", "quot;", "#39;"].contains(where: piece.hasPrefix) {
      problems.append("bare & before \(piece.prefix(20))")
    }
    text += part
  }
}
