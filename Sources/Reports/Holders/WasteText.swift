import HeapGraph
import Measurement

/// Equal copies and unused room.
struct WasteText {
  let style: TextStyle
  let options: HoldersText.Options

  func lines(_ report: WasteReport) -> [String] {
    let total = report.reachableBytes
    let head =
      "Equal copies: \(ByteCount(report.duplicateBytes)) (\(Share(report.duplicateBytes, of: total))) would go if each content were kept once. "
      + "Unused room in containers: \(ByteCount(report.spareBytes)) (\(Share(report.spareBytes, of: total)))."
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
    return lines
  }
}
