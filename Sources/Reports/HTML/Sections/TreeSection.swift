import Measurement

/// A tree as an icicle that can be zoomed by mouse and keyboard, and as a table.
///
/// One component for who holds what and for the stacks of a profile.
struct TreeSection {
  /// Of the element, and the key of its data.
  let id: String
  let title: String
  let explanation: Markup
  /// Of the column with the values.
  let valueTitle: Markup
  let tree: ReportModel.Tree

  private static let mostRows = 60
  private static let deepestRow = 12

  var markup: Markup {
    """
    <section id="\(id)-section" aria-labelledby="\(id)-title">
    <h2 id="\(id)-title">\(title)</h2>
    <p>\(explanation)</p>
    <div id="\(id)" class="icicle"></div>
    <details class="fallback"><summary>As a table</summary>
    \(table)
    </details>
    </section>
    """
  }

  private var table: Markup {
    var table = HTMLTable(title, [.number(valueTitle), .number("Share"), .text("What")])
    let folded = tree.folded(to: Self.mostRows)
    func add(_ node: ReportModel.Tree.Node, depth: Int) {
      let field: Markup = node.field.map { "<span class=\"field\">\(Markup.name($0, limit: 80))</span> " } ?? ""
      let count: Markup = (node.count ?? 1) > 1 ? "\(Count(node.count ?? 0)) × " : ""
      let note: Markup = node.note.map { "<span class=\"note\">\(Markup.prose($0, limit: 240))</span>" } ?? ""
      table.rows.append([
        "\(Self.value(node.value, tree.unit))", "\(Share(node.value, of: tree.root.value))",
        "<span class=\"depth-\(min(depth, Self.deepestRow))\">\(field)\(count)\(Markup.name(node.name, limit: 160))\(note)</span>",
      ])
      for child in node.children { add(child, depth: depth + 1) }
    }
    add(folded.root, depth: 0)
    return table.markup
  }

  private static func value(_ value: UInt64, _ unit: String) -> String {
    unit == "bytes" ? ByteCount(value).description : Count(value).description
  }
}

extension TreeSection {
  static func holders(_ tree: ReportModel.Tree) -> TreeSection {
    TreeSection(
      id: "holders", title: "Who holds what",
      explanation:
        "Each bar is a \(Glossary.holder.term("holder")), as wide as its \(Glossary.retained.term("retained size")); what it keeps lies below it. Click a bar or press Enter to zoom in, Escape to zoom out, arrow keys to move.",
      valueTitle: Glossary.retained.term("Retained"), tree: tree)
  }

  static func profile(_ tree: ReportModel.Tree) -> TreeSection {
    let note: Markup = tree.root.note.map { " The numbers are \(Markup.prose($0))." } ?? ""
    return TreeSection(
      id: "profile", title: "Where it was allocated",
      explanation: tree.root.name == "in use"
        ? "Each bar is a function, as wide as the memory \(Glossary.inUse.term("in use")) that it and what it called have allocated; what it called lies below it. Functions marked [async] wait for those below them.\(note)"
        : "Each bar is a function, as wide as what it and what it called have allocated, freed since or not; what it called lies below it. Functions marked [async] wait for those below them.\(note)",
      valueTitle: tree.root.name == "in use" ? Glossary.inUse.term("In use") : "Allocated", tree: tree)
  }
}
