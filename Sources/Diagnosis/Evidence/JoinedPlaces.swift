import HeapGraph

extension GrowingPlace {
  /// The field and the variable that leads there: what a place is called where a word on a stack leads to a part of it as well.
  private struct Key: Hashable {
    var variable, owner: String
  }

  private var key: Key? {
    guard let owner = owner ?? within, !isInTask else { return nil }
    switch rootKind {
    case .global, .native: return path.first.map { Key(variable: Self.withoutType($0), owner: owner) }
    case nil: return variable.map { Key(variable: $0, owner: owner) }
    default: return nil
    }
  }

  /// Parts of one place as that place.
  ///
  /// Joins the parts of one place. A thread that works on one room of a building makes two places of `building -> Room.messages`: the rooms that hang
  /// on the variable alone, and the one that hangs on the stack as well. If two paths from a variable end in the field, such a part may belong to either,
  /// and stays apart. O(places).
  static func joined(_ places: [GrowingPlace]) -> [GrowingPlace] {
    var ownPaths: [Key: Int] = [:]
    for place in places where place.rootKind != nil {
      if let key = place.key { ownPaths[key, default: 0] += 1 }
    }
    var result: [GrowingPlace] = []
    var positions: [Key: Int] = [:]
    // What hangs on the variable alone has a path that says most: that comes first.
    for place in places.filter({ $0.rootKind != nil }) + places.filter({ $0.rootKind == nil }) {
      guard let key = place.key, place.rootKind == nil || ownPaths[key] == 1 else {
        result.append(place)
        continue
      }
      if place.rootKind == nil, let position = positions[key], result[position].isAlike(place) {
        result[position].take(place)
      } else {
        if positions[key] == nil { positions[key] = result.count }
        result.append(place)
      }
    }
    return result.sorted { ($0.growth, $1.name) > ($1.growth, $0.name) }
  }

  private func isAlike(_ other: GrowingPlace) -> Bool {
    after?.kind == other.after?.kind && after?.keyType == other.after?.keyType
      && after?.valueType == other.after?.valueType && (after != nil || content == other.content)
  }

  private mutating func take(_ part: GrowingPlace) {
    growth += part.growth
    retained &+= part.retained
    unwritten &+= part.unwritten
    contentGrowth += part.contentGrowth
    after = Self.sum(after, part.after)
    // A part that was none before was compared with the whole, which counts already.
    if part.beforePath != beforePath { before = Self.sum(before, part.before) }
  }

  private static func sum(_ one: ContainerSummary?, _ other: ContainerSummary?) -> ContainerSummary? {
    guard var sum = one, let other else { return one ?? other }
    sum.containers += other.containers
    sum.entries &+= other.entries
    sum.slots &+= other.slots
    sum.inlineBytes &+= other.inlineBytes
    sum.behindBytes &+= other.behindBytes
    sum.emptyBytes &+= other.emptyBytes
    // Ends are those of one array.
    sum.ends = nil
    return sum
  }
}
