import HeapGraph
import Measurement

/// Equal copies and unused room.
struct WasteText {
  let style: TextStyle
  let options: TextOptions

  func lines(_ report: WasteReport) -> [String] {
    let total = report.reachableBytes
    let head =
      "Equal copies: \(ByteCount(report.duplicateBytes)) (\(Share(report.duplicateBytes, of: total))) would go if each content were kept once. "
      + "Unused room in containers: \(ByteCount(report.spareBytes)) (\(Share(report.spareBytes, of: total))). "
      + "Small views keep large buffers: copies would give back \(ByteCount(report.pinnedBytes)) (\(Share(report.pinnedBytes, of: total)))."
    var lines = style.wrap(head)
    guard !options.quiet else { return lines }
    if !report.duplicates.isEmpty {
      var table = TextTable([
        ("SAVES", .right), ("SHARE", .right), ("BLOCKS", .right), ("DIFFERENT", .right), ("TYPE", .left),
      ])
      for group in report.duplicates.prefix(options.limit) {
        table.add([
          ByteCount(group.savedBytes).description, Share(group.savedBytes, of: total).description,
          Count(group.blocks).description, Count(group.distinct).description, group.type,
        ])
      }
      lines += ["", style.paint("EQUAL COPIES", .heading)] + table.lines(style)
    }
    if !report.spare.isEmpty {
      var table = TextTable([
        ("UNUSED", .right), ("SHARE", .right), ("CONTAINERS", .right), ("FULL", .right), ("TYPE", .left),
      ])
      for room in report.spare.prefix(options.limit) {
        table.add([
          ByteCount(room.emptyBytes).description, Share(room.emptyBytes, of: total).description,
          Count(room.containers).description, Share(room.entries, of: room.slots).description, room.type,
        ])
      }
      lines += ["", style.paint("UNUSED ROOM", .heading)] + table.lines(style)
    }
    if !report.pinned.isEmpty {
      lines += ["", style.paint("SMALL VIEWS OF LARGE BUFFERS", .heading)]
      for (index, row) in report.pinned.prefix(options.limit).enumerated() { lines += pinned(row, index + 1, total) }
      let rest = report.pinned.dropFirst(options.limit)
      if !rest.isEmpty { lines += style.more("\(Count(rest.count)) more (--limit shows more)") }
    }
    return lines
  }

  private func pinned(_ row: PinnedBuffers, _ position: Int, _ total: UInt64) -> [String] {
    let (name, copy) = Self.names(row.kind)
    var text = "\(Count(row.views).of(name)) in \(row.place)"
    if !row.root.isEmpty { text += ", held by \(row.root)" }
    let amounts =
      "\(row.views == 1 ? "shows" : "show") \(ByteCount(row.shownBytes)) and \(row.views == 1 ? "keeps" : "keep") "
      + "\(ByteCount(row.pinnedBytes)) in \(Count(row.buffers).of("buffer")); copies by \(copy) would give back "
      + "\(ByteCount(row.savedBytes)) (\(Share(row.savedBytes, of: total)))"
    var entry = ListEntry(style, position, text)
    entry.add(amounts)
    return entry.lines
  }

  /// What the views are, and what makes a copy of one.
  private static func names(_ kind: BufferViewKind) -> (name: String, copy: String) {
    switch kind {
    case .substring: ("Substring", "String(x)")
    case .arraySlice: ("ArraySlice", "Array(x)")
    case .data: ("Data slice", "Data(Array(x))")
    case .byteBuffer: ("ByteBuffer", "ByteBuffer(bytes: x.readableBytesView)")
    }
  }
}
