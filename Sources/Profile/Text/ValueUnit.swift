/// Values with units as pprof prints them: `1.50MB`, `12.30s` (google/pprof internal/measurement). Binary units with decimal names are its users' convention.
enum ValueUnit {
  private struct Unit {
    var name: String
    var aliases: [String]
    var factor: Double
  }

  private struct Family {
    var units: [Unit]
    /// For values that are too small for any, and units that are not of this family.
    var fallback: Unit
  }

  private static let families: [Family] = [
    Family(
      units: [
        Unit(name: "B", aliases: ["b", "byte"], factor: 1),
        Unit(name: "kB", aliases: ["kb", "kbyte", "kilobyte"], factor: 0x1p10),
        Unit(name: "MB", aliases: ["mb", "mbyte", "megabyte"], factor: 0x1p20),
        Unit(name: "GB", aliases: ["gb", "gbyte", "gigabyte"], factor: 0x1p30),
        Unit(name: "TB", aliases: ["tb", "tbyte", "terabyte"], factor: 0x1p40),
        Unit(name: "PB", aliases: ["pb", "pbyte", "petabyte"], factor: 0x1p50),
      ], fallback: Unit(name: "B", aliases: [], factor: 1)),
    Family(
      units: [
        Unit(name: "ns", aliases: ["ns", "nanosecond"], factor: 1),
        Unit(name: "us", aliases: ["μs", "us", "microsecond"], factor: 1e3),
        Unit(name: "ms", aliases: ["ms", "millisecond"], factor: 1e6),
        Unit(name: "s", aliases: ["s", "sec", "second"], factor: 1e9),
        Unit(name: "hrs", aliases: ["hour", "hr"], factor: 3600e9),
      ], fallback: Unit(name: "s", aliases: [], factor: 1e9)),
    Family(
      units: [
        Unit(name: "n*GCU", aliases: ["nanogcu"], factor: 1e-9),
        Unit(name: "u*GCU", aliases: ["microgcu"], factor: 1e-6),
        Unit(name: "m*GCU", aliases: ["milligcu"], factor: 1e-3), Unit(name: "GCU", aliases: ["gcu"], factor: 1),
        Unit(name: "k*GCU", aliases: ["kilogcu"], factor: 1e3), Unit(name: "M*GCU", aliases: ["megagcu"], factor: 1e6),
        Unit(name: "G*GCU", aliases: ["gigagcu"], factor: 1e9), Unit(name: "T*GCU", aliases: ["teragcu"], factor: 1e12),
        Unit(name: "P*GCU", aliases: ["petagcu"], factor: 1e15),
      ], fallback: Unit(name: "GCU", aliases: [], factor: 1)),
  ]

  private static func find(_ name: String, in family: Family) -> Unit? {
    var lower = name.lowercased()
    if lower.utf8.count > 2, lower.hasSuffix("s") { lower.removeLast() }
    return family.units.first { $0.aliases.contains(lower) }
  }

  static func areConvertible(_ first: String, _ second: String) -> Bool {
    families.contains { find(first, in: $0) != nil && find(second, in: $0) != nil }
  }

  /// `value` in another unit; `minimum` and `auto` choose one that makes it at least 1. The unit that comes back is empty where it says nothing.
  static func scale(_ value: Int64, from: String, to: String) -> (value: Double, unit: String) {
    if value < 0, value != .min {
      let (result, unit) = scale(-value, from: from, to: to)
      return (-result, unit)
    }
    for family in families {
      guard let source = find(from, in: family) else { continue }
      let base = Double(value) * source.factor
      if to == "minimum" || to == "auto" {
        var best: Unit?
        for unit in family.units where unit.factor >= (best?.factor ?? 0) && base / unit.factor >= 1 { best = unit }
        let unit = best ?? family.fallback
        return (base / unit.factor, unit.name)
      }
      let target = find(to, in: family) ?? family.fallback
      return (base / target.factor, target.name)
    }
    switch to {
    case "count", "sample", "unit", "minimum", "auto": return (Double(value), "")
    default: return (Double(value), to)
    }
  }

  /// `12.50MB`, `3`, `0`.
  static func label(_ value: Int64, from: String, to: String) -> String {
    let (scaled, unit) = scale(value, from: from, to: to)
    var text = CFormat.text("%.2f", scaled)
    if text.hasSuffix(".00") { text.removeLast(3) }
    return text == "0" || text == "-0" ? "0" : text + unit
  }

  /// Five columns and a per cent sign, with at least two digits.
  static func percentage(_ value: Int64, of total: Int64) -> String {
    let ratio = total == 0 ? 0 : abs(Double(value) / Double(total)) * 100
    if ratio >= 99.95 && ratio <= 100.05 { return "  100%" }
    return CFormat.text(ratio >= 1 ? "%5.2f" : "%5.2g", ratio) + "%"
  }
}
