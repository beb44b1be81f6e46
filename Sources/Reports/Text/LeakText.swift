import Measurement

/// The leak groups: what, how often, how much, and the references that prove it.
struct LeakText {
  var style: TextStyle
  var options: TextOptions

  func lines(_ leaks: ReportModel.Leaks) -> [String] {
    guard leaks.isJudged, !leaks.groups.isEmpty || leaks.suppressed.groups > 0 else { return [] }
    var lines: [String] = []
    if !leaks.groups.isEmpty {
      lines += ["", style.paint("LEAKED: no pointer leads to these blocks", .heading)]
      let shown = leaks.groups.prefix(options.limit)
      for (index, group) in shown.enumerated() { lines += self.group(group, number: index + 1) }
      let rest = leaks.groups.dropFirst(shown.count)
      if !rest.isEmpty {
        let bytes = rest.reduce(UInt64(0)) { $0 &+ $1.bytes }
        let blocks = rest.reduce(UInt64(0)) { $0 &+ $1.blocks }
        lines += style.more(
          "\(Count(rest.count).of("more group")): \(Count(blocks).of("block")), \(ByteCount(bytes)) (--limit shows more)"
        )
      }
    }
    if leaks.suppressed.groups > 0 {
      let suppressed = leaks.suppressed
      lines += [
        "",
        "Suppressed: \(Count(suppressed.groups).of("group")), \(Count(suppressed.blocks).of("block")), "
          + "\(ByteCount(suppressed.bytes))",
      ]
    }
    return lines
  }

  private func group(_ group: ReportModel.LeakGroup, number: Int) -> [String] {
    var head =
      "\(group.description): \(Count(group.blocks).of("block")), \(ByteCount(group.bytes))"
    if group.certainty < .certain { head += " (\(group.certainty.rawValue))" }
    var entry = ListEntry(style, number, head)
    if !group.edges.isEmpty { entry.add(group.title) }
    for line in group.evidence { entry.add(line) }
    if let members = members(group) { entry.add("holds \(members)") }
    if options.showAddresses, !group.exampleAddresses.isEmpty {
      entry.add("at \(group.exampleAddresses.joined(separator: ", "))")
    }
    if options.verbose { entry.add("fingerprint \(group.fingerprint)") }
    return entry.lines
  }

  /// The types that make up the group's blocks, unless the heading already says it all.
  private func members(_ group: ReportModel.LeakGroup) -> String? {
    guard group.members.count > 1 || (group.members.first.map { $0.type != group.type } ?? false) else { return nil }
    let limit = options.verbose ? group.members.count : 4
    var parts = group.members.prefix(limit).map { "\(Count($0.count)) \($0.type)" }
    if group.members.count > limit { parts.append(Count(group.members.count - limit).of("more type")) }
    return parts.joined(separator: ", ")
  }
}
