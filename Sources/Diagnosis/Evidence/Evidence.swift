import Timeline

/// Everything that a verdict rests on. Each part may be missing; a rule that lacks its part says nothing.
public struct Evidence: Sendable {
  /// Samples of each life of the process, in order; the last life is the one that runs.
  public var lives: [[Sample]]
  /// Snapshots of the heap of the last life, oldest first.
  public var heaps: [HeapFacts]
  /// Bytes that must not be passed; nil for none.
  public var limit: Double?
  /// The limit is the control group's, so all that it charges and cannot give back counts against it.
  var limitIsOfGroup: Bool
  /// What load is, for sentences: a metric's name, or `processor time`.
  public var loadName: String?
  /// Seconds that the process had lived when it was first looked at; nil where unknown.
  public var age: Double?
  /// The last life is over: nobody can watch it for longer.
  var hasEnded = false

  public let rss: GrowthTest
  /// The level without what load takes, tested; nil where load does not matter.
  public let withoutLoad: GrowthTest?
  let loadModel: LoadModel?
  /// What became more in the heap; nil where there are no two snapshots.
  let heapGrowth: HeapGrowth?

  public init(
    lives: [[Sample]], heaps: [HeapFacts] = [], limit: Double? = nil, loadName: String? = nil, age: Double? = nil
  ) {
    self.lives = lives
    self.heaps = heaps.sorted { $0.time < $1.time }
    heapGrowth = HeapGrowth(self.heaps)
    self.age = age
    let last = lives.last ?? []
    let own = limit.flatMap { $0.isFinite ? $0 : nil }
    self.limit = own ?? last.last { $0[.groupLimit] != nil }?[.groupLimit]
    limitIsOfGroup = own == nil && self.limit != nil
    let memory = lives.map { Series($0.filter { $0[.rss] != nil }.map { Self.level($0) }) }
    let level = memory.last?.values.last ?? 0
    let material = Self.material(level)
    rss = GrowthTest(memory, material: material)
    // The service's own count if there is one, else processor time: what a service does costs both.
    let hasLoad = last.contains { $0[.load] != nil }
    let load = Series(last, hasLoad ? .load : .cpu).rates
    self.loadName = hasLoad ? loadName ?? "load" : load.isEmpty ? nil : "processor time"
    let model = memory.last.flatMap { LoadModel(memory: $0, load: load) }
    loadModel = model
    if let model, model.correlation > Self.followsLoad {
      // Each life has a load and a weight of its own.
      let rest = zip(lives, memory).map { life, own in
        let load = Series(life, hasLoad ? .load : .cpu).rates
        guard let model = LoadModel(memory: own, load: load), model.correlation > Self.followsLoad else { return own }
        return model.withoutLoad(memory: own, load: load)
      }
      withoutLoad = GrowthTest(rest, material: material)
    } else {
      withoutLoad = nil
    }
  }

  /// From this rank correlation of memory and load on, a part of memory is put down to the load.
  private static let followsLoad = 0.3

  /// What a process needs, in memory or in swap.
  private static func level(_ sample: Sample) -> (Double, Double) {
    (Double(sample.time) / 1000, (sample[.rss] ?? 0) + (sample[.swap] ?? 0))
  }

  /// Growth below this is none: 1 % of the level, at least 1 MiB.
  static func material(_ level: Double) -> Double { max(level * 0.01, 1_048_576) }

  /// Seconds over which the last life was watched.
  public var span: Double {
    guard let life = lives.last, let first = life.first, let last = life.last else { return 0 }
    return Double(last.time - first.time) / 1000
  }

  /// Oldest and newest snapshot, if there are two.
  var heapPair: (first: HeapFacts, last: HeapFacts)? {
    guard let first = heaps.first, let last = heaps.last, last.time > first.time else { return nil }
    return (first, last)
  }

  /// The name that at least half of the new ones have, of those that came between the snapshots; nil where there is none.
  ///
  /// - Parameter all: how many came in the whole watch.
  func commonName(
    _ names: KeyPath<HeapFacts, NamedCounts?>, of all: Double
  ) -> (name: String, more: UInt64)? {
    guard let (first, last) = heapPair, let hours = heapHours, span > 0, let before = first[keyPath: names] else {
      return nil
    }
    return last[keyPath: names]?.most(of: all * min(hours * 3600 / span, 1), since: before)
  }

  /// Who holds what is known of both snapshots.
  var knowsHolders: Bool { heapPair.map { $0.first.holders != nil && $0.last.holders != nil } ?? false }

  /// What the service says it has done between the snapshots; nil where it does not count, or nothing was done.
  ///
  /// Counted at the snapshots and not in the samples: these begin and end while a heap is read, and a count in them may be a second old.
  var workDone: (name: String, amount: Double)? {
    guard let (first, last) = heapPair, let low = first.work, let high = last.work, low.name == high.name,
      high.count > low.count
    else { return nil }
    return (high.name, high.count - low.count)
  }

  /// Hours between the two snapshots.
  var heapHours: Double? { heapPair.map { max(Double($0.last.time - $0.first.time) / 3_600_000, 1e-9) } }

  /// The newest value of a quantity.
  func latest(_ metric: Metric) -> Double? { lives.last?.last { $0[metric] != nil }?[metric] }

  /// Whether another quantity of the samples grows.
  func growth(of metric: Metric, material: Double) -> GrowthTest {
    GrowthTest(lives.map { Series($0, metric) }, material: material)
  }

  /// Difference between the last and the first fifth of the samples of the last life, by medians; of a counter all that it counted.
  func change(of metric: Metric) -> Double? { Self.change(of: metric, in: lives.last ?? []) }

  /// The same of all lives together: what growth over several lives is made of. The last one may have only begun. A counter begins again with each.
  func changeOfAllLives(of metric: Metric) -> Double? {
    let changes = lives.compactMap { Self.change(of: metric, in: $0) }
    return changes.isEmpty ? nil : changes.reduce(0, +)
  }

  /// How many more there are, and since when.
  func since(_ change: Double, ofAllLives: Bool) -> String {
    "\(Say.count(change)) more "
      + (ofAllLives && lives.count > 1
        ? "in all: they came in the \(lives.count) lives that were watched" : "than at the start of the watch")
  }

  private static func change(of metric: Metric, in life: [Sample]) -> Double? {
    let values = life.compactMap { $0[metric] }
    guard values.count >= 2 else { return nil }
    if metric.kind == .counter { return values[values.count - 1] - values[0] }
    let part = max(values.count / 5, 1)
    func median(_ values: ArraySlice<Double>) -> Double { values.sorted()[values.count / 2] }
    return median(values.suffix(part)) - median(values.prefix(part))
  }

  /// The control group holds little else than this process, so its numbers may be put to it.
  var ownsGroup: Bool {
    guard let all = latest(.groupAnonymous), let own = latest(.anonymous), latest(.groupUsage) != nil else {
      return false
    }
    return own >= 0.8 * all && (latest(.groupProcesses) ?? 1) <= 16
  }

  /// The test that decides: without load where load explains a part, else of the level itself.
  var decisive: GrowthTest { withoutLoad ?? rss }

  /// When the limit is reached; nil where there is none.
  ///
  /// Against a control group's limit counts what the kernel cannot take back when memory is short: anonymous and shared memory of all
  /// processes, kernel memory and network buffers. A verdict on resident memory alone would halve what threads and pipes cost, and take page
  /// cache of mapped files for a danger.
  public var forecast: Forecast? {
    guard let limit else { return nil }
    guard limitIsOfGroup, let sample = lives.last?.last(where: { $0.groupCharged != nil }),
      let now = sample.groupCharged
    else { return Self.forecast(decisive, limit: limit) }
    if withoutLoad == nil {
      let series = lives.map { life in
        Series(life.compactMap { sample in sample.groupCharged.map { (Double(sample.time) / 1000, $0) } })
      }
      // What counts as growth of the process counts in its group, however much the others there hold.
      let level = decisive.pattern == .growing ? Self.level(sample).1 : now
      let test = GrowthTest(series, material: Self.material(level))
      // What shrinks beside it hides its growth for a while: memwhy itself, in the same container.
      let isHidden = decisive.pattern == .growing && ownsGroup && test.pattern != .growing
      if !isHidden { return Self.forecast(test, limit: limit) }
    }
    // Load is known of the process only, and so is hidden growth: what else is charged counts as it is now.
    return Self.forecast(decisive, limit: limit, besides: now - Self.level(sample).1)
  }

  /// Where too little was seen for any speed, "not at this rate" would be a guess.
  private static func forecast(_ test: GrowthTest, limit: Double, besides: Double = 0) -> Forecast? {
    let forecast = Forecast(test, limit: limit, besides: besides)
    return test.epochs == 0 && forecast.outcome == .never ? nil : forecast
  }

  /// How sure growth is at most, by what the window allows.
  var growthConfidence: Confidence {
    let test = decisive
    guard isGrowing, !isYoung, !loadRoseAllTheTime else { return .possible }
    return span >= 600 && test.probability < 0.001 && test.epochs >= 10 ? .certain : .likely
  }

  /// How sure it is that a named place grows and goes on growing.
  func confidence(of place: GrowingPlace) -> Confidence {
    let test = decisive
    guard isGrowing, !loadRoseAllTheTime, place.risenSteps == place.steps else { return .possible }
    if slows(place) { return .possible }
    let isClear = test.probability < 0.001 && test.epochs >= 10
    if isYoung {
      // A warm-up bends as it fills. What has at least doubled at an even rate while it was watched is filling with something else.
      return isClear && test.bend >= 0.8 && Double(place.growth) >= 0.5 * Double(place.retained) ? .likely : .possible
    }
    let isLong = span >= 600 || span >= 120 && place.steps >= 3
    return isClear && isLong ? .certain : .likely
  }

  /// Most of what grows is at that place, and it, or where two snapshots only know it memory as a whole, grows at most half as fast as at
  /// first: what fills up to a bound does so.
  func slows(_ place: GrowingPlace) -> Bool {
    if let pace = place.pace { return pace.slows }
    let growth = Double(max(place.growth, 0))
    return decisive.pattern == .growing && decisive.bend <= 0.5
      && growth >= 0.8 * (heapGrowth?.places.reduce(0.0) { $0 + Double(max($1.growth, 0)) } ?? growth)
  }

  /// The period, in seconds, of a rhythm that alone may explain why a place has more: memory does not grow, and the rhythm is higher than what was added.
  func phase(of place: GrowingPlace) -> Double? {
    guard decisive.pattern == .steady || decisive.pattern == .falling, Double(place.growth) <= decisive.swing else {
      return nil
    }
    return decisive.period
  }

  private var isGrowing: Bool {
    decisive.pattern == .growing && (rss.pattern == .growing || rss.pattern == .undecided)
  }

  /// A service that has just begun warms up.
  var isYoung: Bool { age.map { $0 + span < 60 } ?? false }

  /// A load that rises all the time looks like growth.
  private var loadRoseAllTheTime: Bool {
    guard let loadModel else { return false }
    return loadModel.isConfounded && loadModel.correlation > 0.6 && loadModel.high > 1.5 * max(loadModel.low, 1e-9)
  }

  /// What to do where too little was seen, as an advice and as the end of a sentence.
  var nextWatch: String {
    hasEnded
      ? "it has ended: record the next one from its start on, `memwhy watch --name NAME --snapshots 10s`, then `memwhy history --verdict`"
      : "watch longer, with snapshots: `memwhy PID --for 10min`, or `memwhy watch PID --snapshots 10min`"
  }
  var nextWatchInShort: String {
    hasEnded ? "record the next one from its start on with memwhy watch --name" : "watch longer with --for 5min"
  }

  /// Why growth is no more than possible, for the remarks; nil where nothing stands in the way.
  public var caution: String? {
    guard decisive.pattern == .growing, growthConfidence == .possible else { return nil }
    if isYoung {
      return
        "The process began only \(Say.span((age ?? 0) + span)) \(hasEnded ? "before its end" : "ago"): a warm-up looks the same."
        + (hasEnded ? "" : " Look again later, or watch longer with --for.")
    }
    guard loadRoseAllTheTime else { return nil }
    return
      "\(loadName ?? "The load") rose all the time as memory did: growth cannot be told from load yet."
      + (hasEnded ? "" : " Watch longer with --for.")
  }
}
