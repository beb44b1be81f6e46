import HeapGraph
import Measurement

/// Shapes of growth in Swift programs that surprise, each with its own fix.
struct CollectionPattern {
  /// What the place is, where its own name does not say it: `timers of libdispatch`.
  var subject: String?
  /// How many more there are, where that is not what became more next to the place.
  var count: Int64?
  var evidence: String
  var advice: String
  var overturnedBy: String

  /// - Parameter waste: what was found of views and the buffers behind them; nil where that was not looked for.
  static func find(_ place: GrowingPlace, _ growth: HeapGrowth, _ waste: WasteReport? = nil) -> CollectionPattern? {
    if let found = deadObjects(place) ?? chain(place, growth) ?? statements(place, growth) { return found }
    return weakBoxes(place, growth) ?? slices(place, waste) ?? unboundedCache(place)
      ?? waiting(place, growth)
      ?? subscriptions(place, growth) ?? answers(place, tasks: waitingTasks(growth)) ?? backlog(place)
      ?? handlers(place, growth)
      ?? clients(place, growth)
  }

  /// An object whose deinit has run keeps its memory as long as an unowned reference leads to it.
  private static func deadObjects(_ place: GrowingPlace) -> CollectionPattern? {
    guard place.rootKind == .unowned, let content = place.content, place.contentGrowth > 0 else { return nil }
    return CollectionPattern(
      subject: "deinitialised \(content) behind unowned references"
        + (place.owner.map { ", those of \($0)" } ?? ""),
      evidence:
        "\(Say.count(place.contentGrowth)) more \(content) are deinitialised, and unowned references keep their memory, \(Say.bytes(place.growth / place.contentGrowth)) each",
      advice:
        "remove what has the unowned reference when its object goes, or keep an identifier there; `weak` instead of `unowned` keeps a side table of 32 bytes instead of the whole object",
      overturnedBy: "those that have the unowned references go later: then their number falls")
  }

  /// A connection of GRDB to which statements came: what SQLite has for one hangs on the connection, and not on the cache that has them all.
  private static func statements(_ place: GrowingPlace, _ growth: HeapGrowth) -> CollectionPattern? {
    guard place.owner?.hasPrefix("GRDB.") == true, place.after == nil,
      let row = growth.rows.first(where: { $0.type == "GRDB.Statement" }), row.count >= 32
    else { return nil }
    return CollectionPattern(
      count: row.count, evidence: "\(Say.count(row.count)) more GRDB.Statement came: \(statementCache.evidence)",
      advice: statementCache.advice, overturnedBy: statementCache.overturnedBy)
  }

  /// Small containers of which each object of one class has one, in which lies the next object: a context that keeps the one it was made from.
  private static func chain(_ place: GrowingPlace, _ growth: HeapGrowth) -> CollectionPattern? {
    guard let owner = place.owner, let now = place.after, now.containers > 1, now.entries <= 2 * now.containers,
      let type = (place.types + [place.content ?? ""]).first(where: { !$0.isEmpty && owner.hasPrefix($0 + ".") })
    else { return nil }
    let more = max(growth.rows.first { $0.type == type }?.count ?? 0, entries(place))
    guard more > 0 else { return nil }
    return CollectionPattern(
      count: more,
      evidence:
        "\(Say.count(more)) more \(type), of which each leads by `\(owner.dropFirst(type.count + 1))` to the one before: a chain, and its last one keeps them all",
      advice:
        "cut the chain: let a \(type) keep what it needs of the one before, an identifier or a copy of some values, and not the whole; begin anew where a request or a step of work begins",
      overturnedBy: "the last one goes: then all of them go")
  }

  /// Box, side table, and room for a key: what an entry has behind it where the object of its weak reference is gone.
  private static let emptyBox: UInt64 = 256

  /// A weak reference to an object that is gone keeps a side table; the box around it stays in the collection.
  private static func weakBoxes(_ place: GrowingPlace, _ growth: HeapGrowth) -> CollectionPattern? {
    let tables = growth.rows.first { $0.type == TypedHeap.emptySideTableName }?.count ?? 0
    let more = entries(place)
    guard more >= 100, Double(tables) >= 0.7 * Double(more), Double(tables) <= 1.5 * Double(more),
      // Entries with more than that behind them are no boxes: those may be elsewhere.
      (place.after?.bytesPerEntry ?? 0) <= emptyBox
    else { return nil }
    return CollectionPattern(
      evidence:
        "with \(Say.count(more)) more entries came \(Say.count(tables)) more side tables of weak references whose object is gone: empty boxes",
      advice:
        "remove the empty boxes of \(place.name): a weak reference becomes nil but its box stays (`removeAll { $0.object == nil }` when adding), or take the entry out in the object's deinit",
      overturnedBy: "the boxes are removed later: then their number falls")
  }

  /// What ends a subscription: the last word of its type.
  private static let endings = ["Cancellable", "Disposable", "Subscription"]

  /// Handles of subscriptions in a list that only grows: each keeps what it observes for.
  static func subscriptions(_ place: GrowingPlace, _ growth: HeapGrowth? = nil) -> CollectionPattern? {
    guard let now = place.after, entries(place) > 0 else { return nil }
    // Arrays of references often bear the type AnyObject: then what is in them tells.
    let types = [now.valueType ?? now.keyType, place.content].compactMap { $0.map(unwrapped) }
    guard let element = types.first(where: { type in endings.contains(where: type.hasSuffix) }),
      growth.map({ hasClosures($0, entries(place)) }) ?? true
    else { return nil }
    return CollectionPattern(
      evidence:
        "its elements are \(element): each keeps its closures, and what these capture, and goes on working until it is cancelled"
        + companions(growth, entries(place)),
      advice:
        "cancel and remove each when the one for whom it works goes: keep it there, in a request's or a session's own object, not in a list of all",
      overturnedBy: "as many are cancelled as begin: then their number stays")
  }

  /// Closures came with the entries. Records of a shop's subscriptions have none.
  private static func hasClosures(_ growth: HeapGrowth, _ more: Int64) -> Bool {
    growth.rows.reduce(Int64(0)) { $1.kind == "closureContext" ? $0 + max($1.count, 0) : $0 } * 2 >= more
  }

  /// Promises and continuations in a table, or in what its entries are: those stay to whom no answer came. A bound would not do, since who waits
  /// would wait for ever.
  ///
  /// An entry may keep a promise that is long completed, or have room for one. Where it is but one of an entry's properties, as many tasks have to
  /// wait: `tasks` more of them.
  static func answers(_ place: GrowingPlace, tasks: Int64) -> CollectionPattern? {
    guard let now = place.after, entries(place) > 0, let element = now.valueType ?? now.keyType else { return nil }
    let what: String
    if Promises.contain(String(unwrapped(element))) {
      what = "its elements are \(element)"
    } else if let field = now.promise, tasks >= entries(place) / 2 {
      what = "its elements, \(element), have a \(field.typeName) in `\(field.path)`"
    } else {
      return nil
    }
    return CollectionPattern(
      evidence: "\(what): each is somebody who waits for an answer that has not come",
      advice: endWaits(place.name),
      overturnedBy: "the answers come later: then their number falls")
  }

  static func endWaits(_ table: String) -> String {
    "end each wait on every path: when the answer comes, after a time-out, when the one who waits is cancelled, and for all when the connection closes, take it out of \(table) and complete or resume it, with an error where there is no answer"
  }

  private static func waitingTasks(_ growth: HeapGrowth) -> Int64 {
    growth.tasks.filter { $0.group.state == .waitsForContinuation }.reduce(0) { $0 + max($1.more, 0) }
  }

  /// An array from whose begin elements are taken while more are put to its end: work that comes faster than it is done.
  ///
  /// Of what only grows, the first element stays; of what is sorted with the newest first, the last.
  private static func backlog(_ place: GrowingPlace) -> CollectionPattern? {
    guard let now = place.after, let before = place.before, entries(place) > 0, let element = now.valueType,
      let ends = now.ends, let old = before.ends, ends.first != old.first, ends.last != old.last
    else { return nil }
    let what = isClosure(element) ? "closures, \(element)" : element
    return CollectionPattern(
      evidence:
        "its elements are \(what); the first ones were taken out between the snapshots, and more were added: work that waits, and comes faster than it is done",
      advice:
        "let those who add to \(place.name) wait or be refused beyond a number that waits; make the work quicker, or let several do it; look for a piece of work that waits for something",
      overturnedBy: "it is empty at another moment: then it was a burst")
  }

  private static func isClosure(_ type: String) -> Bool {
    let type = unwrapped(type)
    return (type.hasPrefix("(") || type.hasPrefix("@")) && type.contains("-> ")
  }

  /// Closures in a list: those who are to be called when something happens, of whom none is ever removed.
  private static func handlers(_ place: GrowingPlace, _ growth: HeapGrowth) -> CollectionPattern? {
    guard let now = place.after, now.kind == .array, entries(place) > 0, let element = now.valueType,
      isClosure(element)
    else { return nil }
    return CollectionPattern(
      evidence:
        "its elements are closures, \(element): each keeps what it captures, \(Say.bytes(now.bytesPerEntry)) on the average"
        + companions(growth, entries(place)),
      advice:
        "give whoever adds a closure to \(place.name) a token by which it is removed, and remove it when the object that it works for goes, in its deinit at the latest; capture that object weakly, or its deinit never runs",
      overturnedBy: "as many closures are removed as are added: then their number stays")
  }

  /// What is said of the clients that a module has.
  static func advice(ofModule module: String) -> [String] {
    SharedClients.all.filter { $0.type.hasPrefix(module + ".") }.map(\.advice)
  }

  private static let fewestShared: Int64 = 8

  /// More clients of a library, at a place that belongs to that library: what is at the place is theirs.
  ///
  /// A table of the program's own is not, whatever of the library's its elements are or leads there.
  static func clients(_ place: GrowingPlace, _ growth: HeapGrowth) -> CollectionPattern? {
    let elements = [place.after?.valueType, place.after?.keyType].compactMap { $0.map { String(unwrapped($0)) } }
    return clients(growth, atLeast: fewestShared) { module in
      let closure = "closure context ("
      let owner = place.owner.map { $0.hasPrefix(closure) ? String($0.dropFirst(closure.count)) : $0 }
      if let owner, !owner.hasPrefix(module) {
        // Its elements are the clients themselves.
        return elements.contains { element in
          element.hasPrefix(module) && SharedClients.all.contains { SharedClients.isClient(element, $0.type) }
        }
      }
      return place.owner != nil || place.types.contains { $0.hasPrefix(module) }
        || place.content?.hasPrefix(module) == true
    }
  }

  /// At least so many more clients of one library.
  ///
  /// - Parameter isMeant: asked with the module and a point, `GRPCCore.`.
  static func clients(
    _ growth: HeapGrowth, atLeast fewest: Int64, _ isMeant: (String) -> Bool = { _ in true }
  ) -> CollectionPattern? {
    for (type, advice) in SharedClients.all where isMeant(type.prefix { $0 != "." } + ".") {
      guard let row = growth.rows.first(where: { SharedClients.isClient($0.type, type) }),
        row.count >= max(fewest, fewestShared)
      else { continue }
      return CollectionPattern(
        evidence: "\(Say.count(row.count)) more \(row.type) are there, of which a process needs one",
        advice: advice, overturnedBy: "they are shut down later: then their number falls")
    }
    return nil
  }

  /// The advice is to make fewer clients.
  static func isOfClients(_ pattern: CollectionPattern) -> Bool {
    SharedClients.all.contains { $0.advice == pattern.advice }
  }

  /// What a type is an optional of, in either way of writing; other types as they are.
  static func unwrapped(_ type: String) -> Substring {
    if type.hasSuffix("?") { return type.dropLast() }
    return type.hasPrefix("Optional<") && type.hasSuffix(">") ? type.dropFirst("Optional<".count).dropLast() : type[...]
  }

  static func entries(_ place: GrowingPlace) -> Int64 {
    if let now = place.after { return Int64(now.entries) - Int64(place.before?.entries ?? 0) }
    return place.contentGrowth
  }
}
