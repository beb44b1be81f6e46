/// A leak's references as a drawing: types as boxes from top to bottom, fields on the arrows, and the arrow back that closes a cycle.
struct CycleDrawing {
  /// From top to bottom; the arrow below each has its field.
  private var steps: [(type: String, field: String)] = []
  /// The last box refers to the first.
  private var isCycle = false
  /// Boxes left out in the middle.
  private var hidden = 0

  private static let width = 360
  private static let boxHeight = 34
  private static let gap = 38
  /// Room to the right for the arrow back.
  private static let margin = 44
  /// More boxes than this say nothing more.
  private static let most = 7
  /// Characters of the fixed-width font that fit into a box and beside an arrow.
  private static let room = 38

  /// nil where the references are no chain: then the text has to do.
  init?(_ group: ReportModel.LeakGroup) {
    guard let first = group.edges.first, let last = group.edges.last else { return nil }
    for (edge, next) in zip(group.edges, group.edges.dropFirst()) where edge.target != next.source { return nil }
    steps = group.edges.map { ($0.source, $0.fieldSuffix) }
    isCycle = last.target == first.source
    if !isCycle { steps.append((last.target, "")) }
    guard steps.count > Self.most else { return }
    hidden = steps.count - Self.most + 1
    steps.replaceSubrange(3..<(3 + hidden), with: [("", steps[3 + hidden - 1].field)])
  }

  /// An object that refers to itself: the arrow goes round below it.
  private var isLoop: Bool { isCycle && steps.count == 1 }

  var markup: Markup {
    let height = steps.count * Self.boxHeight + (steps.count - (isLoop ? 0 : 1)) * Self.gap + 8
    var parts: [Markup] = []
    for (index, step) in steps.enumerated() {
      let top = 4 + index * (Self.boxHeight + Self.gap)
      parts.append(box(step.type, top: top))
      guard index + 1 < steps.count else { continue }
      let from = top + Self.boxHeight
      parts.append("<path class=\"arrow\" d=\"M24 \(from)V\(from + Self.gap - 3)\" marker-end=\"url(#tip)\"/>")
      parts.append(label(step.field, x: 34, y: from + Self.gap / 2 + 4))
    }
    if isCycle { parts.append(back) }
    return """
      <svg class="cycle" viewBox="0 0 \(Self.width + Self.margin) \(height)" width="\(Self.width + Self.margin)" height="\(height)" role="img" aria-label="\(description)">
      \(parts)
      </svg>
      """
  }

  private func box(_ type: String, top: Int) -> Markup {
    guard !type.isEmpty else {
      return
        "<text class=\"more\" x=\"24\" y=\"\(top + 22)\">… \(hidden) more …</text>"
    }
    return """
      <g><title>\(TextStyle.shorten(TextStyle.printable(type), to: 240))</title><rect class="box" x="1" y="\(top)" width="\(Self.width - 2)" height="\(Self.boxHeight)" rx="6"/><text class="type" x="14" y="\(top + 22)">\(TextStyle.shorten(TextStyle.printable(type), to: Self.room))</text></g>
      """
  }

  private func label(_ field: String, x: Int, y: Int) -> Markup {
    field.isEmpty
      ? ""
      : "<text class=\"field\" x=\"\(x)\" y=\"\(y)\">\(TextStyle.shorten(TextStyle.printable(field), to: Self.room - 2))</text>"
  }

  /// From the last box round the right side to the first.
  private var back: Markup {
    let right = Self.width
    let bend = right + 22
    let first = 4 + Self.boxHeight / 2
    let lastTop = 4 + (steps.count - 1) * (Self.boxHeight + Self.gap)
    if isLoop {
      let from = 4 + Self.boxHeight
      let low = from + Self.gap - 6
      return """
        <path class="arrow back" d="M24 \(from)V\(low - 8)Q24 \(low) 32 \(low)H\(bend - 8)Q\(bend) \(low) \(bend) \(low - 8)V\(first + 8)Q\(bend) \(first) \(bend - 8) \(first)H\(right + 3)" marker-end="url(#tip)"/>
        """ + label(steps[0].field, x: 34, y: from + Self.gap / 2 + 1)
    }
    let last = lastTop + Self.boxHeight / 2
    return """
      <path class="arrow back" d="M\(right) \(last)H\(bend - 8)Q\(bend) \(last) \(bend) \(last - 8)V\(first + 8)Q\(bend) \(first) \(bend - 8) \(first)H\(right + 3)" marker-end="url(#tip)"/>
      """ + backLabel(bend: bend, middle: (first + last) / 2)
  }

  private func backLabel(bend: Int, middle: Int) -> Markup {
    guard let field = steps.last?.field, !field.isEmpty else { return "" }
    let text = TextStyle.shorten(TextStyle.printable(field), to: 24)
    return
      "<text class=\"field\" text-anchor=\"middle\" transform=\"translate(\(bend + 13) \(middle)) rotate(90)\">\(text)</text>"
  }

  /// For readers that do not see.
  private var description: String {
    var text = ""
    for step in steps {
      text += (text.isEmpty ? "" : " refers to ") + (step.type.isEmpty ? "\(hidden) more" : step.type)
      if !step.field.isEmpty { text += ", field \(step.field.drop { $0 == "." })," }
    }
    return TextStyle.shorten(isCycle ? text + " refers to the first again" : text, to: 600)
  }

  /// The arrow's tip, once a page.
  static let definitions: Markup = """
    <svg class="definitions" width="0" height="0" aria-hidden="true"><defs><marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0.5L7 4L0 7.5z" class="tip"/></marker></defs></svg>
    """
}
