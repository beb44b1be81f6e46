import HeapGraph
import Measurement

/// Paths for Graphviz: steps that several paths share are drawn once.
public enum PathGraph {
  /// The paths as a graph in the language of Graphviz, in UTF-8.
  public static func dot(_ report: PathReport) -> [UInt8] {
    var text = "digraph paths {\n  node [shape=box];\n"
    // A step is told by all that leads to it.
    var known: [String: Int] = [:]
    func node(_ key: String, _ label: [String]) -> (number: Int, isNew: Bool) {
      if let number = known[key] { return (number, false) }
      known[key] = known.count
      text += "  n\(known.count - 1) [label=\(Graphviz.label(label))];\n"
      return (known.count - 1, true)
    }
    for group in report.groups {
      var key = "\(group.root.kind) \(group.root.title)"
      var last = node(key, [group.root.title]).number
      for (index, step) in group.steps.enumerated() {
        key += "\u{0}\(step.field)\u{0}\(step.type)"
        var label = [step.type]
        if index == group.steps.count - 1 {
          label.append("\(Count(group.objects).of("object")), retaining \(ByteCount(group.retainedBytes))")
          key += "\u{0}end"
        }
        let (number, isNew) = node(key, label)
        if isNew { text += "  n\(last) -> n\(number) [label=\(Graphviz.label([step.field]))];\n" }
        last = number
      }
    }
    return Array((text + "}\n").utf8)
  }
}

/// Text in Graphviz's quotes (graphviz.org, "The DOT Language").
enum Graphviz {
  static func label(_ lines: [String]) -> String {
    "\""
      + lines.map {
        TextStyle.printable($0).replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
      }.joined(separator: "\\n") + "\""
  }
}
