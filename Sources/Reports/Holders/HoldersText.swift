import HeapGraph
import Measurement

/// Answers about holders as text.
public struct HoldersText: Sendable {
  public struct Options: Sendable, Hashable {
    /// Rows of a list.
    public var limit: Int
    public var verbose: Bool
    public var quiet: Bool
    public var showAddresses: Bool

    public init(limit: Int = 20, verbose: Bool = false, quiet: Bool = false, showAddresses: Bool = false) {
      self.limit = limit
      self.verbose = verbose
      self.quiet = quiet
      self.showAddresses = showAddresses
    }
  }

  let style: TextStyle
  let options: Options

  public init(style: TextStyle, options: Options) {
    self.style = style
    self.options = options
  }

  public func render(_ answer: HoldersAnswer) -> String {
    var lines: [String] = []
    if let retained = answer.retained {
      lines += RetainedText(style: style, options: options).lines(retained, answer.target)
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
