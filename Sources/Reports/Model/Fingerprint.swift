/// Names a cause by its shape, independent of addresses, counts and order of discovery.
enum Fingerprint {
  /// 64-bit FNV-1a (Fowler, Noll, Vo; draft-eastlake-fnv) as 16 hex digits.
  static func of(
    kind: ReportModel.LeakGroup.Kind, type: String, edges: [ReportModel.Edge], waitsIn: String?
  ) -> String {
    // A cycle has no first member: whichever object was met first, the sorted edges are the same.
    let parts =
      edges.isEmpty
      ? [type]
      : kind == .cycle
        ? edges.map { "\($0.source).\($0.field)>\($0.target)" }.sorted()
        : edges.map { "\($0.source).\($0.field)>\($0.target)" }
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in "\(kind.rawValue)|\(waitsIn ?? "")|\(parts.joined(separator: "|"))".utf8 {
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
