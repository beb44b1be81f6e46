/// Blocks without a Swift type that become more: C and C++ libraries, buffers that were allocated by hand.
struct NativeRule: Rule {
  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let growth = evidence.heapGrowth, growth.isMaterial(growth.nativeRest) else { return [] }
    let rising = growth.rising(HeapGrowth.nativeKinds)
    let blocks = rising.first?.type ?? "native blocks"
    // The variable is what the code has; a size only points to it.
    let holder = growth.nativePlaces.first { $0.growth >= growth.nativeRest / 2 }.flatMap(variable)
    let owner = holder == nil ? owner(rising, growth) : nil
    return [
      Finding(
        .nativeGrowth,
        title: holder.map { "the variable \($0), mostly \(blocks)" }
          ?? blocks + (owner.map { ", with entries of \($0.place.name)" } ?? ""), site: holder ?? blocks,
        confidence: evidence.growthConfidence, growth: growth.nativeRest,
        holds: evidence.heaps.last?.bytes { HeapGrowth.nativeKinds.contains($0.kind) } ?? 0,
        evidence: [
          "blocks without a Swift type grew by \(Say.bytes(growth.nativeRest)), \(Say.rate(Double(growth.nativeRest), hours: growth.hours))"
        ]
          + growth.nativePlaces.prefix(2).compactMap { place in
            variable(place).map { "the variable \($0) holds \(Say.bytes(place.retained)) of them" }
          }
          + (owner.map {
            [
              "as many came as entries of \($0.place.name), \(Say.count($0.entries)): memory of C that belongs to these, most likely"
            ]
          } ?? []) + LiveObjectsRule.beside(growth.nativeRest, rising)
          + rising.map { "\($0.type): +\(Say.count(max($0.count, 0))) blocks, +\(Say.bytes($0.bytes))" },
        advice: [
          holder.map {
            "bound what \($0) keeps, or call what its library has to free or close the parts that are done with"
          } ?? owner.map { "do what is said of \($0.place.name): each entry that goes takes its part with it" }
            ?? "the sizes point to the structure; a profile of allocations names the function that allocates them"
        ],
        overturnedBy: "blocks of these sizes stay the same in number over a longer watch")
    ]
  }

  /// Entries that are fewer come with as many blocks by chance.
  private static let fewestEntries: Int64 = 32

  /// The place that got as many entries as there came blocks of the largest kinds: a handle's memory is led to by other handles as well, and hangs on
  /// none of them.
  private static func owner(
    _ rising: [CensusDelta.Row], _ growth: HeapGrowth
  ) -> (place: GrowingPlace, entries: Int64)? {
    growth.places.lazy.map { ($0, CollectionPattern.entries($0)) }.first { _, entries in
      entries >= fewestEntries && rising.prefix(2).allSatisfy { abs($0.count - entries) <= entries / 20 }
    }
  }

  /// The variable that alone, or before others, leads to native blocks; nil where frames do.
  private static func variable(_ place: GrowingPlace) -> String? {
    switch place.rootKind {
    case .native, .global: place.name
    case nil: place.variable
    default: nil
    }
  }
}
