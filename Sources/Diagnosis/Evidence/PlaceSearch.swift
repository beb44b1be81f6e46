import HeapGraph

/// Finds the places at which the heap grew, on the way down from the roots.
///
/// The way follows whatever has most of the growth, the "big drop" of Eclipse MAT (its ratio is 0.7), and ends where the blocks themselves become more.
struct PlaceSearch {
  /// A child with this part of its parent's growth is followed.
  private static let follow = 0.7
  /// If no child has that much, those with this part are followed, each for itself, provided that together they have most of the growth.
  private static let branch = 0.15
  /// Fewer than these come to two places by chance.
  private static let fewestShared: Int64 = 32

  private let old: [[String]: HeapFacts.Holder]
  private let oldByOwner: [String: HeapFacts.Holder]
  /// By path.
  private let now: [ArraySlice<String>: HeapFacts.Holder]
  private let children: [[String]: [HeapFacts.Holder]]
  /// By path: bytes that the blocks of the place kept at the first snapshot, wherever they hung then.
  private var kept: [[String]: UInt64] = [:]
  /// By path: bytes by which the place grew, or, if more, by which parts of it grew while others shrank.
  private var gains: [[String]: Int64] = [:]
  private(set) var found: [GrowingPlace] = []

  init(_ before: [HeapFacts.Holder], _ after: [HeapFacts.Holder]) {
    let (before, after) = (Self.merged(before), Self.merged(after))
    old = Dictionary(before.map { ($0.path, $0) }) { first, _ in first }
    oldByOwner = before.firstByOwner
    now = Dictionary(after.map { ($0.path[...], $0) }) { first, _ in first }
    children = Dictionary(grouping: after.filter { $0.path.count > 1 }) { Array($0.path.dropLast()) }
    // Deepest first: what hung elsewhere before, because a stack word had a part in it, was there all the same.
    for place in after.sorted(by: { $0.path.count > $1.path.count }) {
      let below = children[place.path] ?? []
      let keptBelow = below.reduce(UInt64(0)) { $0 &+ (kept[$1.path] ?? 0) }
      kept[place.path] = max(earlier(place)?.retained ?? 0, min(keptBelow, place.retained))
      gains[place.path] = max(delta(place), below.reduce(0) { $0 + max(gains[$1.path] ?? 0, 0) })
    }
  }

  /// Puts places with equal paths together: fields whose names are not known all have the same path, and each would be compared with the first of
  /// them.
  private static func merged(_ places: [HeapFacts.Holder]) -> [HeapFacts.Holder] {
    struct Key: Hashable {
      var path: [String]
      var heldBy: String?
    }
    var positions: [Key: Int] = [:]
    var merged: [HeapFacts.Holder] = []
    for place in places {
      let key = Key(path: place.path, heldBy: place.heldBy)
      // At the top the same name may stand for different things.
      if place.path.count > 1, let position = positions[key] {
        merged[position].count &+= place.count
        merged[position].retained &+= place.retained
      } else {
        positions[key] = merged.count
        merged.append(place)
      }
    }
    return merged
  }

  /// The same place at the first snapshot: the one with its path, else the one to which the same field leads, else the one below its parent's place. The
  /// path alone does not suffice: to a sleeping task, say, something else leads each time. O(depth).
  private func earlier(_ place: HeapFacts.Holder) -> HeapFacts.Holder? {
    if let known = old[place.path] ?? place.owner.flatMap({ oldByOwner[$0] }) { return known }
    guard let step = place.path.last, let parent = now[place.path.dropLast()],
      let before = earlier(parent), before.path != parent.path
    else { return nil }
    return old[before.path + [step]]
  }

  private func delta(_ place: HeapFacts.Holder) -> Int64 { Int64(place.retained) - Int64(kept[place.path] ?? 0) }
  /// Bytes by which a place grew, or parts of it.
  func gain(_ place: HeapFacts.Holder) -> Int64 { gains[place.path] ?? 0 }
  /// How many more blocks there are at a place.
  private func more(_ place: HeapFacts.Holder) -> Int64 {
    if let before = earlier(place) { return Int64(place.count) - Int64(before.count) }
    // Containers that were too small to be listed, one in each object: what they hold became more, and not they.
    if place.container != nil, let parent = now[place.path.dropLast()], parent.count == place.count,
      earlier(parent)?.count == parent.count
    {
      return 0
    }
    // Something came in between a variable and what it held already: how many of these there were before, nobody knows. Where many more of
    // what is known became more below, these are not what grew.
    return moreBelow(place) > 2 * Int64(clamping: place.count) ? 0 : Int64(place.count)
  }

  /// How many more blocks there are at the first place on the way down, along what grew most, that is known from the first snapshot. O(depth).
  private func moreBelow(_ place: HeapFacts.Holder) -> Int64 {
    var current = place
    while let next = (children[current.path] ?? []).max(by: { gain($0) < gain($1) }), gain(next) > 0 {
      if let before = earlier(next) {
        let more = Int64(next.count) - Int64(before.count)
        if more > 1 { return more }
      }
      current = next
    }
    return 0
  }

  /// Bytes of growth to account for on the way down: the place's own, or those of its larger children, if others shrank.
  private func growth(_ place: HeapFacts.Holder, _ below: [HeapFacts.Holder]) -> Double {
    let most = Double(below.first.map(gain) ?? 0)
    let children = below.reduce(0.0) { sum, child in
      Double(gain(child)) >= Self.branch * most ? sum + Double(max(gain(child), 0)) : sum
    }
    return max(Double(delta(place)), children)
  }

  /// Adds the places at which the growth below `start` hangs.
  mutating func descend(_ start: HeapFacts.Holder, types: [String]) {
    var current = start
    var types = types
    while true {
      let below = (children[current.path] ?? []).sorted { (gain($0), $1.type) > (gain($1), $0.type) }
      let whole = growth(current, below)
      guard let next = below.first, gain(next) > 0 else { return add(current, types, content: nil) }
      // A container that was made anew when it grew is still one; several new ones are what became more.
      if more(next) > 1 {
        let fields = fields(below, of: whole)
        if fields.isEmpty { return add(current, types, content: next) }
        for field in fields { add(field, types + [field.type], content: field) }
        return
      }
      if Double(gain(next)) >= Self.follow * whole {
        // What has its own part beside it grows, too.
        for part in below.dropFirst() where Double(gain(part)) >= Self.branch * whole && more(part) <= 1 {
          descend(part, types: types + [part.type])
        }
        current = next
        types.append(next.type)
        continue
      }
      let parts = below.filter { Double(gain($0)) >= Self.branch * whole }
      guard parts.count > 1, parts.allSatisfy({ more($0) <= 1 }),
        Double(parts.reduce(Int64(0)) { $0 + gain($1) }) >= Self.follow * whole
      else { return add(current, types, content: nil) }
      for part in parts { descend(part, types: types + [part.type]) }
      return
    }
  }

  /// Fields of one object that all got more objects, if none has most of the growth: two lists are two places.
  private func fields(_ below: [HeapFacts.Holder], of whole: Double) -> [HeapFacts.Holder] {
    guard let largest = below.first, Double(gain(largest)) < Self.follow * whole else { return [] }
    let parts = below.filter { Double(gain($0)) >= Self.branch * whole }
    let areFields = parts.count > 1 && parts.allSatisfy { $0.path.last?.hasPrefix(".") == true && more($0) > 1 }
    return areFields ? parts : []
  }

  /// The place has a Swift type, or one comes on the way down along what grew most.
  private func isTyped(_ place: HeapFacts.Holder) -> Bool {
    var current = place
    while GrowingPlace.isUntyped(current.type) {
      guard let next = (children[current.path] ?? []).max(by: { gain($0) < gain($1) }), gain(next) > 0 else {
        return false
      }
      current = next
    }
    return true
  }

  /// The field that has the container in which a place lies, and what it is there: `Users.visits[value]`.
  private func within(_ place: HeapFacts.Holder) -> String? {
    var path = place.path[...]
    while let step = path.last, step.hasPrefix("["), !GrowingPlace.isStorage(step) {
      path = path.dropLast()
      if let owner = now[path]?.owner { return owner + place.path[path.endIndex...].joined() }
    }
    return nil
  }

  /// Fields of an object whose containers got about as many entries.
  private func sharing(_ more: Int64, below place: HeapFacts.Holder) -> [String] {
    guard more >= Self.fewestShared else { return [] }
    return (children[place.path] ?? []).compactMap { child in
      guard let owner = child.owner, child.path.last?.hasPrefix(".") == true, let now = child.container,
        let before = earlier(child)?.container,
        abs(Int64(clamping: now.entries) - Int64(clamping: before.entries) - more) <= more / 10
      else { return nil }
      // The insides of a library's container say less than the field that has it.
      return owner.firstRange(of: "._").map { String(owner[..<$0.lowerBound]) } ?? owner
    }
  }

  private mutating func add(_ place: HeapFacts.Holder, _ types: [String], content: HeapFacts.Holder?) {
    var found = GrowingPlace(path: place.path, types: types, growth: delta(place), retained: place.retained)
    let earlier = earlier(place)
    found.before = earlier?.container
    found.beforePath = earlier?.path
    found.unwritten = place.unwritten ?? 0
    found.rootKind = place.root
    // Nothing holds dead objects whose memory is kept: they are called by what leads to them.
    found.owner = place.owner ?? (place.root == .unowned ? content?.owner : nil)
    found.heldBy = place.heldBy
    if found.owner == nil { found.within = within(place) }
    found.after = place.container
    found.content = content?.type
    // A variable's object may have many fields, also where a stack leads to it as well.
    if place.root == .global || place.root == nil, place.container == nil, content != place,
      !place.path.dropFirst().contains(where: GrowingPlace.isField)
    {
      found.contentField = content?.path.last.flatMap { $0.hasPrefix(".") ? $0 : nil }
    }
    found.holdsTyped = content.map(isTyped) ?? false
    found.contentContainer = content?.container
    found.contentGrowth = content.map(more) ?? 0
    if let content, content.path.last?.hasPrefix(".") == false {
      found.sharedBy = sharing(found.contentGrowth, below: place)
    }
    self.found.append(found)
  }
}

extension [HeapFacts.Holder] {
  /// The first place of each field that leads to places.
  var firstByOwner: [String: HeapFacts.Holder] {
    Dictionary(compactMap { place in place.owner.map { ($0, place) } }) { first, _ in first }
  }
}
