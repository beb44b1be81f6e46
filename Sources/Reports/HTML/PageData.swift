/// What the page's script draws. Its numbers are in the page's tables, too.
struct PageData: Encodable {
  var timeline: TimelineChart?
  /// By the id of the element that they are drawn into.
  var trees: [String: DrawnTree] = [:]
}

/// A tree with short keys: there may be thousands of nodes.
struct DrawnTree: Encodable {
  struct Node: Encodable {
    /// Name.
    var n: String
    /// Field.
    var f: String?
    /// Value.
    var v: Double
    /// Count.
    var c: Double?
    /// Note.
    var t: String?
    /// Children.
    var k: [Node]?

    init(_ node: ReportModel.Tree.Node, depth: Int = 0) {
      n = TextStyle.shorten(TextStyle.printable(node.name), to: 110)
      f = node.field.map { TextStyle.shorten(TextStyle.printable($0), to: 60) }
      v = Double(node.value)
      c = node.count.map { Double($0) }
      t = node.note.map { TextStyle.shorten(TextStyle.printable($0), to: 120) }
      k = node.children.isEmpty || depth >= Self.deepest ? nil : node.children.map { Node($0, depth: depth + 1) }
    }

    private static let deepest = 60
  }

  /// Parts beyond this many are too small to see, and would make the page heavy.
  static let most = 1500

  var unit: String
  var root: Node

  init(_ tree: ReportModel.Tree) {
    unit = tree.unit == "bytes" ? "bytes" : "count"
    root = Node(tree.folded(to: Self.most).root)
  }
}
