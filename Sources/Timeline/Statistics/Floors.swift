/// The lowest levels of a process, epoch by epoch: what growth is tested on.
///
/// Each life of the process is cut into epochs, whole periods where it has a rhythm, and each epoch gives its lowest value.
struct Floors {
  typealias Floor = (time: Double, value: Double)

  /// By life; those with less than three epochs are left out.
  private(set) var lives: [[Floor]] = []
  /// Height of the peaks above the floor, by epoch.
  private(set) var swings: [Double] = []
  /// By how much a floor may seem to change though nothing changed, by epoch of a life with a rhythm.
  private(set) var blurs: [Double] = []
  /// Length of the longest rhythm, in seconds.
  private(set) var period: Double?
  /// A rhythm was seen less than four times.
  private(set) var isRhythmTooLong = false
  /// Length of an epoch of the last life, in seconds.
  private(set) var resolution = 0.0

  static let fewestEpochs = 6
  private static let mostEpochs = 32
  /// The later half rises by less than this part of the earlier half's slope: it has levelled off.
  private static let levelling = 0.2
  private static let fewestInLife = 3
  /// Periods that have to be seen.
  private static let fewestPeriods = 4
  /// Samples a period from which its floor can be told from its neighbours.
  private static let fewestSamples = 4.0
  /// Von Neumann's ratio below this is a walk (a walk of 32 floors has 0.5 on the average, independent values 2).
  private static let wandering = 1.0

  /// - Parameter lives: the level within each life, at least six samples each.
  init(_ lives: [Series]) {
    for life in lives { add(life) }
    self.lives.removeAll { $0.count < Self.fewestInLife }
  }

  private mutating func add(_ life: Series) {
    let own = Rhythm.period(of: life)
    var count = min(max(life.count / 3, Self.fewestEpochs), Self.mostEpochs)
    var length: Double?
    if let own {
      period = max(period ?? 0, own)
      let whole = Int((life.span / own).rounded(.down))
      if whole < count {
        count = whole
        length = own
        if count < Self.fewestPeriods { isRhythmTooLong = true }
      }
    }
    resolution = length ?? life.span / Double(count)
    let extremes = life.extremes(count, length: length)
    lives.append(extremes.map { ($0.time, life.values[$0.lowest]) })
    let heights = extremes.map { life.values[$0.highest] - life.values[$0.lowest] }
    swings += heights
    if let own {
      // Of so few samples a period no two need lie on the same side.
      let isFast = own < Self.fewestSamples * life.span / Double(life.count - 1)
      blurs += isFast ? heights : Self.blurs(life, lowest: extremes.map(\.lowest))
    }
  }

  var values: [[Double]] { lives.map { $0.map(\.value) } }

  /// Upside down: a fall is a rise of these.
  var negated: Floors {
    var negated = self
    negated.lives = lives.map { $0.map { ($0.time, -$0.value) } }
    return negated
  }

  /// For each epoch how far the lowest instant may lie below its lowest sample: what the level changes by in one step beside it, on the flatter
  /// side. A rhythm of 5.1 s that is looked at each second shows its floor later and later after it, and then early again.
  private static func blurs(_ life: Series, lowest: [Int]) -> [Double] {
    let values = life.values
    func step(_ index: Int, _ other: Int) -> Double? {
      values.indices.contains(other) ? max(values[other] - values[index], 0) / 2 : nil
    }
    return lowest.compactMap { index in
      // Two steps away: the two samples around the lowest instant may be equal.
      [step(index, index - 2), step(index, index + 2)].compactMap { $0 }.min()
    }
  }

  /// Whether the floors rose by more than they may seem to. Their line alone says too much where they seem to rise several times.
  func rise(by rise: Double, beyond blur: Double) -> Bool {
    guard blur > 0 else { return true }
    let net = lives.reduce(0.0) { sum, life in
      let third = max(life.count / 3, 1)
      let ends = (life.prefix(third).map(\.value), life.suffix(third).map(\.value))
      // The middles of the first and the last third are two thirds of it apart.
      return sum + 1.5 * (TheilSen.median(ends.1) - TheilSen.median(ends.0))
    }
    return min(rise, net) > blur
  }

  /// In one step more is gone than half of the rise: a slow rhythm of which too little was seen, or something was cleared and may be again.
  func fallBack(ofRise rise: Double) -> Bool {
    lives.contains { life in zip(life, life.dropFirst()).contains { $0.value - $1.value > rise / 2 } }
  }

  /// The first two floors of the last life lie clearly below its later half.
  func steppedUp(material: Double) -> Bool {
    guard let life = lives.last, life.count >= 6 else { return false }
    let late = life[(life.count / 2)...].map(\.value)
    let step = TheilSen.median(late) - max(life[0].value, life[1].value)
    return step >= max(material, 4 * Self.deviation(late)) && haveLevelledOff(noise: 0)
  }

  /// Of the last life: the later half against the earlier one.
  func haveLevelledOff(noise: Double) -> Bool {
    guard let life = lives.last, life.count >= 6 else { return false }
    let half = life.count / 2
    let (early, late) = (Array(life[..<half]), Array(life[half...]))
    let whole = life[life.count - 1].value - life[0].value
    guard whole > 2 * noise || whole > 0 else { return false }
    let earlySlope = TheilSen.median(TheilSen.slopes(early.map { ($0.time, $0.value) }))
    let lateSlope = TheilSen.median(TheilSen.slopes(late.map { ($0.time, $0.value) }))
    let lateRise = lateSlope * (late[late.count - 1].time - late[0].time)
    // The rise may also lie between the halves, or in the first epoch.
    return lateSlope < Self.levelling * max(earlySlope, whole / max(life[life.count - 1].time - life[0].time, 1e-9))
      && lateRise < Self.levelling * whole
  }

  /// Slope of the later half of the last life over that of the earlier half, 0...10; 1 for too few floors.
  var bend: Double {
    let life = lives.last ?? []
    guard life.count >= 6 else { return 1 }
    func slope(_ part: ArraySlice<Floor>) -> Double {
      TheilSen.median(TheilSen.slopes(part.map { ($0.time, $0.value) }))
    }
    let early = slope(life[..<(life.count / 2)])
    let late = slope(life[(life.count / 2)...])
    guard early > 0 else { return late > 0 ? 10 : 1 }
    return min(max(late / early, 0), 10)
  }

  /// The residuals go on where they are instead of scattering: the mean square of their steps is small beside their variance. 2 for
  /// independent values, near 0 for a walk (J. von Neumann, "Distribution of the ratio of the mean square successive difference to the
  /// variance", Annals of Mathematical Statistics 12, 1941).
  func wander(aroundSlope slope: Double) -> Bool {
    var (squares, steps, count) = (0.0, 0.0, 0)
    for life in lives where life.count >= 8 {
      let values = life.map { $0.value - slope * $0.time }
      let mean = values.reduce(0, +) / Double(values.count)
      squares += values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      steps += zip(values, values.dropFirst()).reduce(0) { $0 + ($1.1 - $1.0) * ($1.1 - $1.0) }
      count += values.count
    }
    return count >= 8 && squares > 0 && steps / squares < Self.wandering
  }

  /// Standard deviation of the floors around their line, and of their steps per square root of a second.
  func spread(aroundSlope slope: Double) -> (noise: Double, diffusion: Double) {
    var residuals: [Double] = []
    var steps: [Double] = []
    for life in lives {
      let middle = TheilSen.median(life.map { $0.value - slope * $0.time })
      residuals += life.map { $0.value - slope * $0.time - middle }
      for index in life.indices.dropFirst() {
        let time = life[index].time - life[index - 1].time
        if time > 0 { steps.append((life[index].value - life[index - 1].value - slope * time) / time.squareRoot()) }
      }
    }
    return (Self.deviation(residuals), Self.deviation(steps))
  }

  private static func deviation(_ values: [Double]) -> Double {
    guard values.count >= 2 else { return 0 }
    let mean = values.reduce(0, +) / Double(values.count)
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
  }
}
