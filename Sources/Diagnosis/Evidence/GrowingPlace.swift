import HeapGraph

/// A place in the program that keeps more and more: there are as many objects of it as before, but more hangs on them.
///
/// Places are compared by their path from a named root, not by address, as LeakCanary's heap growth does. `PlaceSearch` finds them.
struct GrowingPlace: Sendable, Hashable {
  /// Names and fields from the root on.
  var path: [String]
  /// Types along the path.
  var types: [String]
  /// Bytes that take memory, resident or in swap: parts of blocks that nobody has written do not count.
  var growth: Int64
  var retained: UInt64
  /// Bytes that it keeps beside `retained` and that nobody has written yet.
  var unwritten: UInt64 = 0
  /// What the containers at this place held before and hold now; nil where there is no container.
  var before, after: ContainerSummary?
  /// The path of the place at the first snapshot; nil where it was not there.
  var beforePath: [String]?
  /// Type of the blocks below it that became more, and by how many they did.
  var content: String?
  var contentGrowth: Int64 = 0
  /// The field of the place that leads to them; nil where the path names fields already.
  var contentField: String?
  var contentContainer: ContainerSummary?
  /// Fields that share what became more, since no field alone has it: their containers got as many entries.
  var sharedBy: [String] = []
  /// Steps from one snapshot to the next, and in how many of them it rose.
  var risenSteps = 1
  var steps = 1
  /// How fast it grew early and late; nil where fewer than three snapshots know it.
  var pace: Pace?

  /// Places with less than this part of all growth are not listed.
  private static let fewest = 0.05
  private static let negligible: Int64 = 32_768

  var rootKind: NamedRoot.Kind?
  /// `OfferCache.offersByUser`; nil where no field leads to it.
  var owner: String?
  /// A variable or frame that leads there, where several do.
  var heldBy: String?
  /// `Users.visits[value]` where the place lies in a container that has a field, and has none itself.
  var within: String?

  /// The variable among the roots that lead there, where several do; nil where these are frames.
  var variable: String? { heldBy.flatMap { HeapFacts.isFrame($0) ? nil : Self.withoutType($0) } }

  /// The async function of the task that keeps it; nil where no task does, or its function is not known.
  var task: String?

  /// `Store.shared.profiles`, for people.
  var name: String {
    guard let task else {
      return Self.title(path + (contentField.map { [$0] } ?? []), rootKind, owner ?? within, heldBy, content)
    }
    // Not "frame of" again: what lies in the task's own frame is called by its type.
    func isFrame(_ name: String?) -> Bool { name?.hasPrefix(" (frame of ") == true }
    let step = isFrame(path.last) ? types.last : path.last
    let isSaid = after == nil && !(isFrame(path.last) && types.last.map(Self.isObject) == true)
    let end = isFrame(owner) || owner == nil ? (isSaid ? nil : Self.title([step ?? ""], nil, nil)) : owner
    return "task \(task)" + (end.map { " -> \($0)" } ?? "")
  }

  /// A task is on the path from the root.
  var isInTask: Bool { types.dropLast().contains { $0.hasPrefix("task") } }

  /// What became more has a Swift type, or keeps something that has: a list of C that keeps objects.
  var holdsTyped = false

  /// Neither the place nor anything below it has a Swift type: native blocks that only native blocks hold.
  var isNative: Bool {
    after == nil && (!holdsTyped || isNameless)
      && !types.dropFirst(rootKind == nil ? 0 : 1).contains { !Self.isUntyped($0) }
  }

  /// Several roots lead there, no variable and no type among what is on the way: a frame is no name.
  private var isNameless: Bool { rootKind == nil && owner == nil && variable == nil && path.allSatisfy(Self.isUntyped) }

  /// A table of the runtime, the loader or the allocator, for its own use. Tables that hold Swift objects are filled by the program: those of Foundation's
  /// notifications, libdispatch's timers.
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

  /// Places that keep less than at the first snapshot, those that lost most first: the same search, from the last snapshot to the first. What hangs on
  /// stacks comes and goes, and does not count.
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
    var search = PlaceSearch(before, after)
    let roots = after.filter { $0.path.count == 1 }.filter { search.gain($0) > negligible }
    let all = roots.reduce(Int64(0)) { $0 + search.gain($1) }
    for root in roots { search.descend(root, types: [root.type]) }
    return joined(search.found).filter { Double($0.growth) >= fewest * Double(max(all, 1)) }
  }

  /// Counts the steps in which it rose: what rises each time is growth, what rises now and then is work.
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

  /// `[value]` is a field, `[Int : Page] storage` a type.
  static func isField(_ step: String) -> Bool {
    step.hasPrefix(".") || step.hasPrefix("[") && !isStorage(step)
  }

  static func isStorage(_ step: String) -> Bool { step.hasSuffix(" storage") }
}
