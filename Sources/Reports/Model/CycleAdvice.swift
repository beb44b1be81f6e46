import Diagnosis

/// Which reference of a retain cycle to change, and how.
///
/// A closure that captures strongly is what most cycles have and nobody meant. Of other references the program's own can be changed, a library's cannot; and
/// only a property that is a reference to an object can be weak, no element of a collection and no value in a box.
struct CycleAdvice {
  private let group: ReportModel.LeakGroup
  private let edges: [ReportModel.Edge]

  init(_ group: ReportModel.LeakGroup) {
    self.group = group
    edges = group.edges
  }

  /// References that a developer can find in the code: the program's own first.
  var named: [ReportModel.Edge] {
    let named = edges.filter(Self.isNamed)
    return named.filter { $0.isOwn == true } + named.filter { $0.isOwn != true }
  }

  var text: String {
    let closure = closure()
    guard let first = closure?.field ?? named.first else {
      return "`\(group.type)`: break the cycle by making one of its references weak, or by clearing it when done."
    }
    if let library = group.library {
      return
        "\(Self.code(first)): all objects of this cycle are of the module \(library). Where that is a library, the program let go of an object "
        + "of it that has to be ended first: call what ends it (`shutdown()`, `close()`, `cancel()`, `invalidate()`) before its last "
        + "reference goes, or keep one and share it. Where it is yours, make this reference (or the one back) `weak`."
    }
    // A client keeps its delegate, and its own threads keep it, until it is told to end: a weak reference to it would be nil at once.
    if let advice = SharedClients.advice(ofTypes: edges.map(\.source)) {
      return "\(Self.code(first)): \(advice)."
    }
    if let closure { return text(closure) }
    let edge = named.first { $0.isOwn == true && Self.canBeWeak($0) } ?? named.first(where: Self.canBeWeak) ?? first
    guard Self.canBeWeak(edge) else {
      return
        "\(Self.code(edge)): let what is stored there refer back weakly (`weak`, `unowned`, `[weak self]`), or take it "
        + "out when the \(Self.shortName(edge.source)) is done."
    }
    return "\(Self.code(edge)): make this reference (or the one back) `weak` or `unowned`, or set it to nil when the "
      + "\(Self.shortName(edge.source)) is done."
  }

  /// A closure of the ring: where it is stored, and what it captures.
  private struct Closure {
    /// The property that has the closure, or has what keeps it.
    var field: ReportModel.Edge
    /// Of a closure that an object of a library keeps: where.
    var keeper: ReportModel.Edge?
    var captured: String
  }

  private func text(_ closure: Closure) -> String {
    let isOwner = closure.captured == closure.field.source || Self.isCapture(closure.captured)
    let captured = isOwner ? "its owner" : "the \(Self.shortName(closure.captured))"
    let subject =
      closure.keeper.map { "a closure that hangs on it (\(Self.code($0)))" } ?? "the closure stored there"
    return
      "\(Self.code(closure.field)): \(subject) captures \(captured). Capture it weakly (`[weak self]`), or set the "
      + "field to nil when the \(Self.shortName(closure.field.source)) is done."
  }

  /// The first closure, and rather one in a field of the program's own.
  private func closure() -> Closure? {
    let closures = edges.indices.compactMap(closure(enteredBy:))
    return closures.first { $0.keeper == nil && $0.field.isOwn == true } ?? closures.first
  }

  private func closure(enteredBy index: Int) -> Closure? {
    guard edges[index].isClosure == true || Self.isCapture(edges[index].target), !Self.isCapture(edges[index].source)
    else { return nil }
    // Contexts may lie one behind the other: what the last of them captures.
    var last = index
    for _ in edges where Self.isCapture(edges[last].target) { last = (last + 1) % edges.count }
    let captured = edges[last].target
    var keeper: ReportModel.Edge?
    for back in edges.indices {
      let edge = edges[(index + edges.count - back) % edges.count]
      guard back == 0 || !Self.isCapture(edge.source) else { break }
      guard Self.isNamed(edge) else { continue }
      if edge.isOwn == true { return Closure(field: edge, keeper: keeper, captured: captured) }
      keeper = keeper ?? edge
    }
    return keeper.map { Closure(field: $0, keeper: nil, captured: captured) }
  }

  private static func isNamed(_ edge: ReportModel.Edge) -> Bool {
    !edge.field.isEmpty && !isCapture(edge.source) && !isStorage(edge.source)
  }

  private static func canBeWeak(_ edge: ReportModel.Edge) -> Bool {
    !edge.field.contains("[") && !edge.target.hasPrefix("box of ") && !edge.target.hasPrefix("Box<")
  }

  private static func code(_ edge: ReportModel.Edge) -> String { "`\(edge.source)\(edge.fieldSuffix)`" }

  /// Without its modules and outer types.
  private static func shortName(_ type: String) -> String {
    guard !type.contains("<"), !type.contains("("), let last = type.split(separator: ".").last else { return type }
    return String(last)
  }

  /// A context or a block of captured values, which nobody wrote down as a type.
  private static func isCapture(_ type: String) -> Bool { type.hasPrefix("closure") || type.hasPrefix("Block (") }
  private static func isStorage(_ type: String) -> Bool {
    type.hasPrefix("_") || type.hasPrefix("Swift._") || type.hasPrefix("[")
  }
}
