/// Which model to follow, by what they hit and missed.
///
/// Two judges look at the same results. The steady one has a long memory and so is right where traffic stays as it is. The alert one forgets all
/// that was before as soon as another model is far better lately: right where traffic changes, wrong where it swings to and fro faster than
/// the cache can follow. Who would have hit more is heeded.
struct RegimeChoice {
  /// Accesses from one decision to the next.
  private static let interval = 32
  /// A lead counts when it is more than so many standard deviations, and more than so many hits: for the long memory, and for an alarm.
  private static let evidence = (deviations: Float(1.2), hits: Float(2.5))
  private static let alarm = (deviations: Float(2.5), hits: Float(8))
  /// What results are kept for, in accesses for each entry of a model.
  private static let memory: (long: Float, recent: Float, judges: Float) = (20, 1, 40)
  /// The alert judge has to be better by so many hits to be heeded, and is heeded until it is no longer better.
  private static let margin: Float = 24

  private var all: Duels
  private var recent: Duels
  private var sinceAlarm: Duels
  private var fresh: Duels
  private var steady: Int
  private var alert: Int
  private var isAlert = false
  /// Hits of the alert judge's choices more than of the steady one's.
  private var alertGain: Float = 0
  private var sinceChoice = 0
  private let capacity: Float

  init(models: Int, first: Int, capacity: Int) {
    all = Duels(models: models)
    (recent, sinceAlarm, fresh) = (all, all, all)
    (steady, alert) = (first, first)
    self.capacity = Float(capacity)
  }

  /// One access, with a bit for each model that hit. Returns the model to follow when it is time to decide.
  mutating func note(hits: UInt32) -> Int? {
    fresh.add(hits)
    sinceChoice += 1
    guard sinceChoice >= Self.interval else { return nil }
    sinceChoice = 0
    return choose()
  }

  private mutating func choose() -> Int {
    alertGain += fresh.lead(of: alert, over: steady)
    all.add(fresh)
    recent.add(fresh)
    sinceAlarm.add(fresh)
    fresh.fade(to: 0)

    steady = all.leader(over: steady, by: Self.evidence)
    let sudden = recent.leader(over: alert, by: Self.alarm)
    if sudden != alert {
      alert = sudden
      sinceAlarm = recent
    } else {
      alert = sinceAlarm.leader(over: alert, by: Self.evidence)
    }
    isAlert = alertGain > (isAlert ? 0 : Self.margin)

    all.fade(to: kept(for: Self.memory.long))
    sinceAlarm.fade(to: kept(for: Self.memory.long))
    recent.fade(to: kept(for: Self.memory.recent))
    alertGain *= kept(for: Self.memory.judges)
    return isAlert ? alert : steady
  }

  private func kept(for memory: Float) -> Float { max(0.5, 1 - Float(Self.interval) / (capacity * memory)) }

  /// What was seen so far counts this much only.
  mutating func trust(_ share: Float) {
    all.fade(to: share)
    recent.fade(to: share)
    sinceAlarm.fade(to: share)
  }
}

/// For each two models, how often the one hit where the other missed. Where both do the same there is nothing to learn, not even chance.
struct Duels {
  private let models: Int
  /// By winner, and then by loser, but for the winner itself.
  private var wins: [Float]

  init(models: Int) {
    self.models = models
    wins = Array(repeating: 0, count: models * (models - 1))
  }

  private func place(_ winner: Int, _ loser: Int) -> Int {
    winner * (models - 1) + (loser < winner ? loser : loser - 1)
  }

  /// One access, with a bit for each model that hit.
  mutating func add(_ hits: UInt32) {
    guard hits != 0, hits != 1 << UInt32(models) - 1 else { return }
    for winner in 0..<models where hits >> UInt32(winner) & 1 != 0 {
      for loser in 0..<models where hits >> UInt32(loser) & 1 == 0 { wins[place(winner, loser)] += 1 }
    }
  }

  mutating func add(_ other: Duels) {
    for index in wins.indices { wins[index] += other.wins[index] }
  }

  mutating func fade(to share: Float) {
    for index in wins.indices { wins[index] *= share }
  }

  func lead(of model: Int, over other: Int) -> Float {
    model == other ? 0 : wins[place(model, other)] - wins[place(other, model)]
  }

  /// The model with the greatest lead that is more than chance, or the present one.
  func leader(over present: Int, by bar: (deviations: Float, hits: Float)) -> Int {
    var best = present
    var greatest = bar.hits
    for model in 0..<models where model != present {
      let lead = lead(of: model, over: present)
      let variance = wins[place(model, present)] + wins[place(present, model)]
      if lead > greatest, lead * lead > bar.deviations * bar.deviations * variance { (best, greatest) = (model, lead) }
    }
    return best
  }
}
