import HeapGraph
import Measurement

/// Answers about holders as text.
public struct HoldersText: Sendable {
  let style: TextStyle
  let options: TextOptions

  public init(style: TextStyle, options: TextOptions) {
    self.style = style
    self.options = options
  }

  /// The answer as lines of text, ended by a line feed.
  public func render(_ answer: HoldersAnswer) -> String {
    var lines: [String] = []
    if let retained = answer.retained {
      lines += RetainedText(style: style, options: options).lines(retained)
    }
    if let paths = answer.paths { lines += PathText(style: style, options: options).lines(paths) }
    if let waste = answer.waste { lines += WasteText(style: style, options: options).lines(waste) }
    if let tasks = answer.tasks { lines += TaskText(style: style, options: options).lines(tasks) }
    if !options.quiet, !answer.remarks.isEmpty {
      lines.append("")
      for remark in answer.remarks { lines += style.wrap(TextStyle.printable(remark), first: "Note: ", rest: "  ") }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
