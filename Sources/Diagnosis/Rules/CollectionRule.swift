import HeapGraph
import Measurement

/// A named place in the program that keeps more and more: a cache, a registry, a list that nobody empties.
///
/// Needs two snapshots with holders. In use by the program's own account, so no leak, but without a bound.
struct CollectionRule: Rule {
  private static let most = 3

  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let growth = evidence.heapGrowth else { return [] }
    // What has a bound of its own is filled, not grown: `CacheFillingRule`.
    let bounded = evidence.heaps.last.flatMap(BoundedCaches.init)
    let places = growth.places.filter {
      $0.growth >= HeapGrowth.negligible && !BuffersRule.isBuffer($0) && bounded?.contain($0.path) != true
    }
    return merged(places, growth).prefix(most).map { place in
      place.content == TypedHeap.spareContinuationName ? spareContinuations(place) : finding(place, growth, evidence)
    }
  }

  /// libdispatch keeps up to 1,024 continuations for each of its threads (`_dispatch_continuation_cache_limit`, swift-corelibs-libdispatch
  /// src/internal.h): they fill up, and end there.
  private static func spareContinuations(_ place: GrowingPlace) -> Finding {
    Finding(
      .warmUp, title: "continuations that libdispatch keeps for reuse", confidence: .possible, growth: place.growth,
      holds: place.retained,
      evidence: [
        "\(Say.count(place.contentGrowth)) more continuations, \(Say.bytes(place.growth)), lie ready for the next blocks of dispatch queues: up to 1,024 for each thread"
      ],
      advice: [
        "nothing: they are filled once. Where threads become more as well, look for blocks that wait on a dispatch queue"
      ], overturnedBy: "they become more while the threads do not")
  }

  /// What a library keeps may hang on several of its own tables and on a thread that works on it: one answer, not one a table.
  private static func merged(_ places: [GrowingPlace], _ growth: HeapGrowth) -> [GrowingPlace] {
    var result: [GrowingPlace] = []
    var known: [String: Int] = [:]
    for place in places {
      let pattern = CollectionPattern.find(place, growth)
      let name = name(of: place, pattern)
      if pattern?.subject != nil, place.after == nil, let index = known[name] {
        result[index].growth += place.growth
        result[index].retained &+= place.retained
        if place.content == result[index].content { result[index].contentGrowth += place.contentGrowth }
      } else {
        if place.after == nil { known[name] = result.count }
        result.append(place)
      }
    }
    return result.sorted { ($0.growth, $1.name) > ($1.growth, $0.name) }
  }

  /// The variable that a developer knows, with what a library keeps behind it; that alone where only the library's own tables or frames lead there.
  private static func name(of place: GrowingPlace, _ pattern: CollectionPattern?) -> String {
    guard let subject = pattern?.subject else { return place.name }
    switch place.rootKind {
    case .global, .native: return "\(place.name), \(subject)"
    default: return place.variable.map { "\($0), \(subject)" } ?? subject
    }
  }

  /// The program's function that takes from what a library keeps: a queue has no name in the code but that.
  private static func worker(on place: GrowingPlace, _ pattern: CollectionPattern?) -> [String] {
    guard pattern?.subject != nil, let frame = place.heldBy, HeapFacts.isFrame(frame), !HeapFacts.isKeyed(frame)
    else { return [] }
    return ["at the second snapshot \(frame) was at work on them"]
  }

  /// Memory that does not show it, since other places gave way.
  private static func hidden(_ place: GrowingPlace, _ growth: HeapGrowth, _ evidence: Evidence) -> [String] {
    if let last = evidence.heapPair?.last.books, let first = evidence.heapPair?.first.books {
      let used = first[.allocatorFree] - last[.allocatorFree]
      let rest = last[.allocatorFree]
      if used >= max(place.growth / 4, HeapGrowth.negligible) {
        return [
          "\(Say.bytes(used)) of it went into free memory that the allocator kept, so resident memory shows less of this growth until the other \(Say.bytes(rest)) are used up"
        ]
      }
    }
    return growth.shrunkPlaces.prefix(1).filter { -$0.growth >= max(place.growth / 4, HeapGrowth.negligible) }.map {
      "meanwhile \($0.name) keeps \(Say.bytes(-$0.growth)) less, so memory as a whole shows less of this growth"
    }
  }

  /// Whether it grows as fast as at first: what fills up to a bound slows down.
  private static func pace(_ place: GrowingPlace, _ evidence: Evidence) -> [String] {
    if let period = evidence.phase(of: place) {
      return [
        "memory as a whole does not grow and has a rhythm of about \(Say.span(period)), \(Say.bytes(evidence.decisive.swing)) high: the snapshots may only have met it at different points of that"
      ]
    }
    guard let pace = place.pace else {
      return evidence.slows(place)
        ? [
          "memory rose by less than half as fast in the later half of the watch as in the earlier one: what fills up to a bound does so"
        ] : []
    }
    let (early, late) = (Say.bytes(pace.early), Say.bytes(pace.late))
    let rates = "\(early)/h at first, \(late)/h later, over \(pace.readings) snapshots"
    if pace.slows { return ["it slows down, \(rates): what fills up to a bound does so"] }
    return pace.isEven ? ["it does not slow down, \(rates): not as what fills up to a bound"] : []
  }

  private static func unwritten(_ place: GrowingPlace) -> [String] {
    place.unwritten < max(place.retained / 10, UInt64(HeapGrowth.negligible))
      ? []
      : [
        "beside that it keeps \(Say.bytes(place.unwritten)) that nobody has written yet: room that takes no memory until it is used"
      ]
  }

  private static func finding(_ place: GrowingPlace, _ growth: HeapGrowth, _ evidence: Evidence) -> Finding {
    let container = CollectionWords(place, work: evidence.workDone)
    // Of the place as merged: its figures are said.
    let found = CollectionPattern.find(place, growth, evidence.heaps.last?.waste)
    // What is emptied at one go, again and again, is no work that comes faster than it is done.
    let pattern = found?.subject == nil && evidence.phase(of: place) != nil ? nil : found
    let library =
      pattern == nil
      ? evidence.heaps.last?.library(of: place.owner).flatMap { CollectionPattern.table(of: $0, place, growth) } : nil
    let name = name(of: place, pattern)
    return Finding(
      .collection, title: name, site: name, confidence: evidence.confidence(of: place), growth: place.growth,
      holds: place.retained,
      evidence: [
        "\(name) \(pattern?.subject == nil ? "keeps" : "keep") \(Say.bytes(place.growth)) more than at the first snapshot, \(Say.rate(Double(place.growth), hours: growth.hours))"
          + (place.steps > 1 ? "; it rose in \(place.risenSteps) of \(place.steps) steps between snapshots" : "")
      ] + pace(place, evidence) + unwritten(place) + hidden(place, growth, evidence)
        + ((pattern ?? library).map { [$0.evidence] } ?? [])
        + (pattern?.count == nil ? container.lines : []) + worker(on: place, pattern),
      // What a library keeps for each client goes with the client: a bound is not the program's to set.
      advice: pattern.map { [$0.advice] } ?? (library.map { [$0.advice] } ?? [])
        + (library.map(CollectionPattern.isOfClients) == true ? [] : container.advice),
      overturnedBy: pattern?.overturnedBy
        ?? "the number of entries stays or falls while the load is the same: then it has a bound, and was filling up"
    )
  }
}
