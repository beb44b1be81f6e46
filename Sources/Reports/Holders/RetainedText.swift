import HeapGraph
import Measurement

/// The tree of holders. A holder of which one child holds nearly everything is one line with it.
struct RetainedText {
  let style: TextStyle
  let options: TextOptions

  /// A child with at least this share of its parent's bytes goes on its parent's line.
  private static let foldShare = 0.95

  func lines(_ report: HolderReport) -> [String] {
    var lines = style.wrap(TextStyle.printable(Self.headline(report)))
    guard !options.quiet else { return lines }
    lines += ["", style.paint("WHO HOLDS IT", .heading)]
    for holder in report.holders.prefix(options.limit) {
      lines += self.lines(holder, total: report.reachableBytes, depth: 0)
    }
    let hidden = report.holders.dropFirst(options.limit)
    let count = report.otherCount + hidden.count
    if count > 0 {
      let bytes = hidden.reduce(report.otherBytes) { $0 + $1.retainedBytes }
      lines += style.more("\(Count(count).of("smaller holder")): \(ByteCount(bytes)) (--min-share 0 shows all)")
    }
    lines += LocalCacheText(style: style, limit: options.limit, showsAddresses: options.showAddresses).lines(
      report.localCaches ?? [], damaged: report.damagedCaches)
    return lines
  }

  /// The answer for somebody who reads nothing else.
  static func headline(_ report: HolderReport) -> String {
    let total = "\(ByteCount(report.reachableBytes)) in \(Count(report.reachableBlocks).of("reachable block"))"
    guard let first = report.holders.first else { return "\(total); no holder has 1 % of it." }
    let share =
      "\(ByteCount(first.retainedBytes)), \(Share(first.retainedBytes, of: report.reachableBytes)) of \(total)"
    guard let place = Self.place(in: first) else {
      return "\(Self.title(first))\(first.kind == .shared ? "," : "") holds \(share)."
    }
    // First what a developer finds in the code, then by what it is reached.
    let way = first.kind == .shared ? Self.roots(first) : Self.title(first)
    return "\(place) holds nearly all of \(share), reached from \(way)."
  }

  /// The last field on the way down to where a holder branches; nil where no field leads there. What a timer or a frame leads to says less
  /// than the object's property that has it; a variable says enough.
  private static func place(in holder: Holder) -> String? {
    guard holder.root?.kind != .global else { return nil }
    let chain = chain(from: holder)
    let last = chain.indices.dropFirst().last { index in
      chain[index].field.hasPrefix(".") && chain[index].count == 1 && chain[index - 1].kind != .root
    }
    return last.map { chain[$0 - 1].name + chain[$0].field }
  }

  /// A holder with those below it that hold nearly everything, to the first that branches.
  private static func chain(from holder: Holder) -> [Holder] {
    var chain = [holder]
    while let last = chain.last, last.children.count == 1, let child = last.children.first,
      Double(child.retainedBytes) >= foldShare * Double(last.retainedBytes)
    {
      chain.append(child)
    }
    return chain
  }

  /// `global cache : [Int64 : Cached]`.
  static func title(_ holder: Holder) -> String {
    switch (holder.kind, holder.root) {
    case (.root, let root?):
      let kind =
        switch root.kind {
        case .global: "global "
        case .native: "C variable "
        case .stack: "stack frame "
        case .runtime: "runtime table "
        case .threadLocal, .anonymous, .unowned: ""
        }
      return kind + root.title
    case (.shared, _):
      return counted(holder) + sharing(holder)
    default: return counted(holder)
    }
  }

  /// Who shares it: the field by which most of it is held, and the roots that lead there.
  private static func sharing(_ holder: Holder) -> String {
    guard holder.kind == .shared else { return "" }
    let field = holder.sharedBy.map { ", most of them in \($0)" } ?? ""
    return "\(field), reached from \(roots(holder))"
  }

  private static func roots(_ holder: Holder) -> String {
    (holder.heldBy.isEmpty ? "several holders" : holder.heldBy.joined(separator: " and ")) + " and others"
  }

  /// A title that does not change with counts, threads and addresses: what a holder is recognised by in another snapshot.
  static func stableTitle(_ holder: Holder) -> String {
    guard holder.kind == .root, let root = holder.root else { return "shared " + holder.name }
    // A thread's number says nothing in another run.
    guard root.kind == .stack || root.kind == .threadLocal, let mark = root.title.firstRange(of: " thread ") else {
      return root.title
    }
    return String(root.title[..<mark.lowerBound]) + " a thread"
  }

  private static func counted(_ holder: Holder) -> String {
    holder.count == 1 ? holder.name : "\(Count(holder.count)) x \(holder.name)"
  }

  private func lines(_ holder: Holder, total: UInt64, depth: Int) -> [String] {
    let chain = Self.chain(from: holder)
    let last = chain[chain.count - 1]
    // Who shares it comes last: the way below begins at the blocks, not at those.
    var text = holder.kind == .shared ? Self.counted(holder) : Self.title(holder)
    for step in chain.dropFirst() {
      text += (step.field.isEmpty ? "" : step.field) + " -> " + Self.counted(step)
    }
    text += Self.sharing(holder)
    if depth > 0, !holder.field.isEmpty { text = holder.field + " -> " + text }
    let indent = String(repeating: "  ", count: depth)
    let bytes = ByteCount(holder.retainedBytes).description
    let share = Share(holder.retainedBytes, of: total).description
    let head = "  " + bytes.rightAligned(10) + "  " + share.rightAligned(7) + "  " + indent
    let rest = String(repeating: " ", count: 23 + 2 * depth + 2)
    var lines = style.wrap(TextStyle.printable(text), first: head, rest: rest)
    for step in chain {
      if options.showAddresses, let example = step.example, step.count == 1 {
        lines.append(rest + "\(step.name) at \(example)")
      }
      let facts = (step.container.map(ContainerText.lines) ?? []) + (step.actors.map { [ActorText.line($0)] } ?? [])
      for line in facts + (step.allocatedIn ?? []).map(\.text) {
        lines += style.wrap(TextStyle.printable(line), first: rest, rest: rest + "  ")
      }
    }
    for child in last.children { lines += self.lines(child, total: total, depth: depth + 1) }
    if options.verbose, last.otherBytes > 0 {
      lines.append(
        rest + "and \(Count(last.otherCount).of("smaller or nested block")): \(ByteCount(last.otherBytes))")
    }
    return lines
  }
}
