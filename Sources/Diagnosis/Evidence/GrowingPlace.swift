import HeapGraph

/// A place in the program at which growth hangs: its own number stays while what it keeps becomes more.
///
/// Places are compared by their path from a named root, not by address, as LeakCanary's heap growth does; the way down follows whatever
/// has most of the growth, the "big drop" of Eclipse MAT (its ratio is 0.7).
struct GrowingPlace: Sendable, Hashable {
  /// Names and fields from the root on.
  var path: [String]
  /// Types along the path.
  var types: [String]
  /// Bytes that take memory, resident or in swap: parts of blocks that nobody has written do not count.
  var growth: Int64
  var retained: UInt64
  /// What it keeps beside that and nobody has written, in bytes.
  var unwritten: UInt64 = 0
  /// What the containers at this place held before and hold now; nil where they are none.
  var before, after: ContainerSummary?
  /// The path at which `before` was found; nil where the place was not there.
  var beforePath: [String]?
  /// What became more below it, and by how many.
  var content: String?
  var contentGrowth: Int64 = 0
  /// The field below the place by which that hangs there; nil where the path names fields already.
  var contentField: String?
  var contentContainer: ContainerSummary?
  /// Where no field has what became more: those to whose containers as many entries came, which share it.
  var sharedBy: [String] = []
  /// In how many of the steps between snapshots it rose.
  var risenSteps = 1
  var steps = 1
  /// How fast it grew early and late; nil where fewer than three snapshots know it.
  var pace: Pace?

  /// A child with this part of its parent's growth is followed.
  private static let follow = 0.7
  /// Where no child has that much, those with this part are followed each for itself if they have most of it together.
  private static let branch = 0.15
  /// Places with less than this part of all growth are not listed.
  private static let fewest = 0.05
  private static let negligible: Int64 = 32_768
  /// As many as these come to two places by chance.
  fileprivate static let fewestShared: Int64 = 32

  var rootKind: NamedRoot.Kind?
  /// `OfferCache.offersByUser`; nil where no field leads to it.
  var owner: String?
  /// A variable or frame that leads there, where several do.
  var heldBy: String?
  /// `Users.visits[value]` where the place lies in a container that has a field, and has none itself.
  var within: String?

  /// The variable, and no frame, that leads there where several roots do.
  var variable: String? { heldBy.flatMap { HeapFacts.isFrame($0) ? nil : Self.withoutType($0) } }

  /// The async function of the task in whose frames it hangs; nil where it hangs in none or there is no telling which.
  var task: String?

  /// `Store.shared.profiles`, for people.
  var name: String {
    guard let task else {
      return Self.title(path + (contentField.map { [$0] } ?? []), rootKind, owner ?? within, heldBy, content)
    }
    // What lies in the task's own frame is called by what it is: that the frame is the task's is said already.
    func isFrame(_ name: String?) -> Bool { name?.hasPrefix(" (frame of ") == true }
    let step = isFrame(path.last) ? types.last : path.last
    let isSaid = after == nil && !(isFrame(path.last) && types.last.map(Self.isObject) == true)
    let end = isFrame(owner) || owner == nil ? (isSaid ? nil : Self.title([step ?? ""], nil, nil)) : owner
    return "task \(task)" + (end.map { " -> \($0)" } ?? "")
  }

  /// A task is on the path from the root.
  var isInTask: Bool { types.dropLast().contains { $0.hasPrefix("task") } }

  /// What became more there is of Swift, or has something of Swift hanging on it: a list of C's that keeps objects.
  var holdsTyped = false

  /// Nothing of Swift's is there, nor hangs there: native blocks that only native blocks hold.
  var isNative: Bool {
    after == nil && (!holdsTyped || isNameless)
      && !types.dropFirst(rootKind == nil ? 0 : 1).contains { !Self.isUntyped($0) }
  }

  /// Several roots lead there, no variable and no type among what is on the way: a frame is no name.
  private var isNameless: Bool { rootKind == nil && owner == nil && variable == nil && path.allSatisfy(Self.isUntyped) }

  /// Tables of the runtime, the loader or the allocator, for their own use. Those that hold objects of Swift, as Foundation's centre of
  /// notifications and libdispatch's timers do, are filled by the program.
  var isRuntime: Bool {
    rootKind == .runtime && isNative || types.last == TypedHeap.allocatorInternalName
  }

  /// What holders call a block that no metadata and no symbol explains.
  static let untyped = TypedHeap.unknownName

  /// A class or an actor, and not what the runtime or the compiler makes for a task.
  private static func isObject(_ type: String) -> Bool {
    !isUntyped(type) && !["task", "closure context", "box"].contains(where: type.hasPrefix)
  }

  static func isUntyped(_ type: String) -> Bool {
    type == untyped || type.hasPrefix("malloc(") || type.hasPrefix("native")
  }

  /// Places of most growth first. O(places * depth).
  static func find(_ heaps: [HeapFacts]) -> [GrowingPlace] {
    let known = heaps.filter { $0.holders != nil }
    guard let first = known.first, let last = known.last, first.time < last.time else { return [] }
    return search(written(first), written(last)).map { place in
      var place = place
      place.count(in: known)
      return place
    }
  }

  /// Places that keep less than at the first snapshot, those that lost most first: the same search, from the last to the first. What hangs on a
  /// frame of a stack comes and goes, and is none.
  static func findShrunk(_ heaps: [HeapFacts]) -> [GrowingPlace] {
    let known = heaps.filter { $0.holders != nil }
    guard let first = known.first, let last = known.last, first.time < last.time else { return [] }
    return search(written(last), written(first)).filter { place in
      place.rootKind == .global || place.rootKind == .native || place.rootKind == nil && place.owner != nil
    }.map { place in
      var place = place
      place.growth = -place.growth
      place.retained = UInt64(max(Int64(clamping: place.retained) + place.growth, 0))
      (place.before, place.after) = (place.after, place.before)
      return place
    }
  }

  private static func written(_ heap: HeapFacts) -> [HeapFacts.Holder] { (heap.holders ?? []).map(\.written) }

  private static func search(_ before: [HeapFacts.Holder], _ after: [HeapFacts.Holder]) -> [GrowingPlace] {
    var search = Search(before, after)
    let roots = after.filter { $0.path.count == 1 }.filter { search.gain($0) > negligible }
    let all = roots.reduce(Int64(0)) { $0 + search.gain($1) }
    for root in roots { search.descend(root, types: [root.type]) }
    return joined(search.found).filter { Double($0.growth) >= fewest * Double(max(all, 1)) }
  }

  /// Several snapshots: what rises each time is growth, what rises now and then is work.
  private mutating func count(in heaps: [HeapFacts]) {
    let levels = heaps.map { heap in
      let known =
        heap.holders?.first { $0.path == path } ?? heap.holders?.first { $0.owner != nil && $0.owner == owner }
      return known?.written.retained ?? 0
    }
    pace = Pace(zip(heaps, levels).map { (Double($0.time) / 1000, Double($1)) })
    steps = max(levels.count - 1, 1)
    risenSteps = zip(levels, levels.dropFirst()).count { $0 < $1 }
  }

  private struct Search {
    let old: [[String]: HeapFacts.Holder]
    let oldByOwner: [String: HeapFacts.Holder]
    /// By path.
    private let now: [ArraySlice<String>: HeapFacts.Holder]
    let children: [[String]: [HeapFacts.Holder]]
    /// By path: bytes that what is there now kept before.
    private var kept: [[String]: UInt64] = [:]
    /// By path: bytes by which it grew, or what grew below it where something else there shrank.
    private var gains: [[String]: Int64] = [:]
    var found: [GrowingPlace] = []

    init(_ before: [HeapFacts.Holder], _ after: [HeapFacts.Holder]) {
      let (before, after) = (Self.merged(before), Self.merged(after))
      old = Dictionary(before.map { ($0.path, $0) }) { first, _ in first }
      oldByOwner = Dictionary(before.compactMap { place in place.owner.map { ($0, place) } }) { first, _ in first }
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

    /// Fields without a name, as those of classes of other modules are where reflection does not tell their layout, all have the same path.
    /// Taken one by one, each would be compared with the first of them.
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

    /// The same place before: by its path, else by the field that leads to it, else below the place that is the same as its parent. What leads to
    /// a sleeping task, say, is another thing each time, and with it the whole path. O(depth).
    func earlier(_ place: HeapFacts.Holder) -> HeapFacts.Holder? {
      if let known = old[place.path] ?? place.owner.flatMap({ oldByOwner[$0] }) { return known }
      guard let step = place.path.last, let parent = now[place.path.dropLast()],
        let before = earlier(parent), before.path != parent.path
      else { return nil }
      return old[before.path + [step]]
    }

    func delta(_ place: HeapFacts.Holder) -> Int64 { Int64(place.retained) - Int64(kept[place.path] ?? 0) }
    func gain(_ place: HeapFacts.Holder) -> Int64 { gains[place.path] ?? 0 }
    func more(_ place: HeapFacts.Holder) -> Int64 {
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

    /// By how many the first place became more that is known from before, on the way down along what grew most. O(depth).
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

    /// What is to be followed: by how much a place grew, or what its children of some weight grew while others shrank.
    private func growth(_ place: HeapFacts.Holder, _ below: [HeapFacts.Holder]) -> Double {
      let most = Double(below.first.map(gain) ?? 0)
      let children = below.reduce(0.0) { sum, child in
        Double(gain(child)) >= GrowingPlace.branch * most ? sum + Double(max(gain(child), 0)) : sum
      }
      return max(Double(delta(place)), children)
    }

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
        if Double(gain(next)) >= GrowingPlace.follow * whole {
          // What has its own part beside it grows, too.
          for part in below.dropFirst() where Double(gain(part)) >= GrowingPlace.branch * whole && more(part) <= 1 {
            descend(part, types: types + [part.type])
          }
          current = next
          types.append(next.type)
          continue
        }
        let parts = below.filter { Double(gain($0)) >= GrowingPlace.branch * whole }
        guard parts.count > 1, parts.allSatisfy({ more($0) <= 1 }),
          Double(parts.reduce(Int64(0)) { $0 + gain($1) }) >= GrowingPlace.follow * whole
        else { return add(current, types, content: nil) }
        for part in parts { descend(part, types: types + [part.type]) }
        return
      }
    }

    /// Fields of one object in which objects became more, where no field has most of it: two lists are two places.
    private func fields(_ below: [HeapFacts.Holder], of whole: Double) -> [HeapFacts.Holder] {
      guard let largest = below.first, Double(gain(largest)) < GrowingPlace.follow * whole else { return [] }
      let parts = below.filter { Double(gain($0)) >= GrowingPlace.branch * whole }
      let areFields = parts.count > 1 && parts.allSatisfy { $0.path.last?.hasPrefix(".") == true && more($0) > 1 }
      return areFields ? parts : []
    }

    /// A type is there, or is met on the way down along what grew most.
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

    /// The field of the container around a place, and as what it lies there.
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
      guard more >= GrowingPlace.fewestShared else { return [] }
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
      // Of dead objects whose memory is kept: by what leads to them, since nothing holds them.
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

  /// `[value]` is a field, `[Int : Page] storage` a type.
  static func isField(_ step: String) -> Bool {
    step.hasPrefix(".") || step.hasPrefix("[") && !isStorage(step)
  }

  static func isStorage(_ step: String) -> Bool { step.hasSuffix(" storage") }
}
