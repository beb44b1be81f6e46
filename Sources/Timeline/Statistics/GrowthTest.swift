/// Whether, how surely and how fast a level of memory rises: tested on its floor.
///
/// What a service needs at its quietest is what stays with it. So each life is cut into epochs (whole periods where it has a
/// rhythm), each epoch gives its lowest value, and the lowest values are tested for a rise: a sawtooth, a burst, a daily rhythm or a
/// plateau at night has a level floor, a leak has not. docs/how-it-decides.md has the thresholds and where they are wrong.
public struct GrowthTest: Sendable, Hashable {
  public enum Pattern: String, Sendable, Hashable, Codable {
    /// The floor rises to the end.
    case growing
    /// It rose and then stayed: a warm-up, or a cache that is full.
    case levelledOff
    /// The floor does not rise, or by too little to matter.
    case steady
    case falling
    /// Too short, too little of a rhythm was seen, or the floor rose as a line does and as a walk may.
    case undecided
  }

  public var pattern: Pattern
  /// Probability of such a rise of the floor by chance.
  public var probability: Double
  /// Rise of the floor in units per second with its 90 % interval.
  public var slope: TheilSen
  /// Rise of the floor over the span in units.
  public var rise: Double
  /// Seconds looked at, over all lives.
  public var span: Double
  /// Length of the rhythm, in seconds.
  public var period: Double?
  public var epochs: Int
  /// Length of an epoch in seconds: finer than this nothing is known.
  public var resolution: Double
  public var lives: Int
  /// Latest floor.
  public var floor: Double
  /// Lowest level in the first epoch of the last life.
  public var firstFloor: Double
  /// Steps between neighbouring floors, over all lives, and how many of them go up.
  public var steps: Int
  public var risenSteps: Int
  /// Height of the peaks above the floor, median over epochs.
  public var swing: Double
  /// Slope of the later half of the last life over that of the earlier half: 1 for a line, near 0 for what levels off.
  public var bend: Double
  /// By so much the floor may change from one period to the next though nothing changed: the lowest instant of a rhythm lies between two samples.
  public var blur: Double
  /// Standard deviation of the floor around its line, and of its steps per square root of a second.
  public var noise: Double
  public var diffusion: Double

  /// A rise by chance in one of a hundred windows counts as none.
  public static let significance = 0.01
  private static let fewestEpochs = 6
  private static let mostEpochs = 32
  /// The later half rises by less than this part of the earlier half's slope: it has levelled off.
  private static let levelling = 0.2
  /// A rise of so many times what is material is not called steady where values without a memory would rise so in one of twenty windows only.
  private static let notable = 3.0
  private static let suspicion = 0.05
  /// Samples a period from which its floor can be told from its neighbours.
  private static let fewestSamples = 4.0
  /// Von Neumann's ratio below this is a walk (a walk of 32 floors has 0.5 on the average, independent values 2).
  private static let wandering = 1.0

  /// - Parameters:
  ///   - lives: the level within each life of the process, in order.
  ///   - material: a rise below this many units is no growth.
  public init(_ lives: [Series], material: Double) {
    let seen = lives.last { !$0.isEmpty }?.values ?? []
    let lives = lives.filter { $0.count >= 6 && $0.span > 0 }
    self.lives = lives.count
    span = lives.reduce(0) { $0 + $1.span }
    var floors: [[(time: Double, value: Double)]] = []
    var swings: [Double] = []
    var blurs: [Double] = []
    var period: Double?
    var isShort = false
    var resolution = 0.0
    for life in lives {
      let own = Rhythm.period(of: life)
      var count = min(max(life.count / 3, Self.fewestEpochs), Self.mostEpochs)
      var length: Double?
      if let own {
        period = max(period ?? 0, own)
        let whole = Int((life.span / own).rounded(.down))
        if whole < count {
          count = whole
          length = own
          if count < 4 { isShort = true }
        }
      }
      resolution = length ?? life.span / Double(count)
      let extremes = life.extremes(count, length: length)
      floors.append(extremes.map { ($0.time, life.values[$0.lowest]) })
      swings += extremes.map { life.values[$0.highest] - life.values[$0.lowest] }
      if let own {
        // Of so few samples a period no two need lie on the same side.
        let isFast = own < Self.fewestSamples * life.span / Double(life.count - 1)
        blurs += isFast ? swings.suffix(extremes.count) : Self.blurs(life, lowest: extremes.map(\.lowest))
      }
    }
    self.period = period
    self.resolution = resolution
    floors = floors.filter { $0.count >= 3 }
    epochs = floors.reduce(0) { $0 + $1.count }
    floor = floors.last?.last?.value ?? seen.last ?? 0
    firstFloor = floors.last?.first?.value ?? seen.first ?? 0
    swing = TheilSen.median(swings)
    blur = blurs.isEmpty ? 0 : TheilSen.median(blurs)
    let test = MannKendall(blocks: floors.map { $0.map(\.value) })
    let signs = DifferenceSigns(blocks: floors.map { $0.map(\.value) })
    steps = floors.reduce(0) { $0 + max($1.count - 1, 0) }
    risenSteps = signs.up
    slope = TheilSen(blocks: floors, test: test) ?? TheilSen(slope: 0, low: 0, high: 0)
    // What wanders looks like a trend to a test against a line, so only its steps are asked. Else two looks at the same floors: the
    // better one counts, at twice its probability (Bonferroni).
    let ranks = Self.wanders(floors, slope: slope.slope) ? 1 : test.probabilityOfRise
    let ranksOfFall = Self.wanders(floors, slope: slope.slope) ? 1 : test.probabilityOfFall
    probability = min(ranks, 2 * signs.probabilityOfRise, 1)
    let probabilityOfFall = min(ranksOfFall, 2 * signs.probabilityOfFall, 1)
    rise = max(slope.slope, 0) * span
    bend = Self.bend(floors.last ?? [])
    (noise, diffusion) = Self.spread(floors, slope: slope.slope)
    let rose = Self.isBeyondBlur(floors, by: blur, rise: rise)
    let fell = Self.isBeyondBlur(
      floors.map { $0.map { ($0.time, -$0.value) } }, by: blur, rise: -slope.slope * span)
    // A test on less than six floors cannot be significant at all.
    if epochs < Self.fewestEpochs && floors.allSatisfy({ $0.count < 5 }) || isShort {
      pattern = .undecided
    } else if probabilityOfFall < Self.significance && -slope.slope * span >= material && fell {
      pattern = .falling
    } else if probability < Self.significance && rise >= material && rose {
      pattern =
        Self.hasLevelledOff(floors, noise: noise)
        ? .levelledOff : ranks >= Self.significance && Self.fallsBack(floors, rise: rise) ? .undecided : .growing
    } else if Self.steppedUp(floors, material: max(material, blur)) {
      // Early on and then nothing: too few rising pairs for the test, and no growth either.
      pattern = .levelledOff
    } else if rise >= Self.notable * material && floor - firstFloor >= material
      && MannKendall(blocks: floors.map { $0.map(\.value) }, isIndependent: true).probabilityOfRise < Self.suspicion
    {
      // Values without a memory would hardly ever rise so; those of a walk, or a few on a curve, do.
      pattern = .undecided
    } else {
      pattern = .steady
    }
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
  private static func isBeyondBlur(_ floors: [[(time: Double, value: Double)]], by blur: Double, rise: Double) -> Bool {
    guard blur > 0 else { return true }
    let net = floors.reduce(0.0) { sum, life in
      let third = max(life.count / 3, 1)
      let ends = (life.prefix(third).map(\.value), life.suffix(third).map(\.value))
      // The middles of the first and the last third are two thirds of it apart.
      return sum + 1.5 * (TheilSen.median(ends.1) - TheilSen.median(ends.0))
    }
    return min(rise, net) > blur
  }

  /// In one step more is gone than half of the rise: a slow rhythm of which too little was seen, or something was cleared and may be again.
  private static func fallsBack(_ floors: [[(time: Double, value: Double)]], rise: Double) -> Bool {
    floors.contains { life in zip(life, life.dropFirst()).contains { $0.value - $1.value > rise / 2 } }
  }

  /// The floor rises, if not by enough to matter, and not only since it is looked at at other instants of a rhythm.
  public var rises: Bool { probability < Self.significance && rise > blur }

  /// The first two floors of the last life lie clearly below its later half.
  private static func steppedUp(_ floors: [[(time: Double, value: Double)]], material: Double) -> Bool {
    guard let life = floors.last, life.count >= 6 else { return false }
    let late = life[(life.count / 2)...].map(\.value)
    let step = TheilSen.median(late) - max(life[0].value, life[1].value)
    return step >= max(material, 4 * deviation(late)) && hasLevelledOff(floors, noise: 0)
  }

  /// Of the last life: the later half against the earlier one.
  private static func hasLevelledOff(_ floors: [[(time: Double, value: Double)]], noise: Double) -> Bool {
    guard let life = floors.last, life.count >= 6 else { return false }
    let half = life.count / 2
    let (early, late) = (Array(life[..<half]), Array(life[half...]))
    let whole = life[life.count - 1].value - life[0].value
    guard whole > 2 * noise || whole > 0 else { return false }
    let earlySlope = TheilSen.median(TheilSen.slopes(early.map { ($0.time, $0.value) }))
    let lateSlope = TheilSen.median(TheilSen.slopes(late.map { ($0.time, $0.value) }))
    let lateRise = lateSlope * (late[late.count - 1].time - late[0].time)
    // The rise may also lie between the halves, or in the first epoch.
    return lateSlope < levelling * max(earlySlope, whole / max(life[life.count - 1].time - life[0].time, 1e-9))
      && lateRise < levelling * whole
  }

  private static func bend(_ floors: [(time: Double, value: Double)]) -> Double {
    guard floors.count >= 6 else { return 1 }
    func slope(_ part: ArraySlice<(time: Double, value: Double)>) -> Double {
      TheilSen.median(TheilSen.slopes(part.map { ($0.time, $0.value) }))
    }
    let early = slope(floors[..<(floors.count / 2)])
    let late = slope(floors[(floors.count / 2)...])
    guard early > 0 else { return late > 0 ? 10 : 1 }
    return min(max(late / early, 0), 10)
  }

  /// The residuals go on where they are instead of scattering: the mean square of their steps is small beside their variance. 2 for
  /// independent values, near 0 for a walk (J. von Neumann, "Distribution of the ratio of the mean square successive difference to the
  /// variance", Annals of Mathematical Statistics 12, 1941).
  private static func wanders(_ floors: [[(time: Double, value: Double)]], slope: Double) -> Bool {
    var (squares, steps, count) = (0.0, 0.0, 0)
    for life in floors where life.count >= 8 {
      let values = life.map { $0.value - slope * $0.time }
      let mean = values.reduce(0, +) / Double(values.count)
      squares += values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      steps += zip(values, values.dropFirst()).reduce(0) { $0 + ($1.1 - $1.0) * ($1.1 - $1.0) }
      count += values.count
    }
    return count >= 8 && squares > 0 && steps / squares < wandering
  }

  private static func spread(_ floors: [[(time: Double, value: Double)]], slope: Double) -> (Double, Double) {
    var residuals: [Double] = []
    var steps: [Double] = []
    for life in floors {
      let middle = TheilSen.median(life.map { $0.value - slope * $0.time })
      residuals += life.map { $0.value - slope * $0.time - middle }
      for index in life.indices.dropFirst() {
        let time = life[index].time - life[index - 1].time
        if time > 0 { steps.append((life[index].value - life[index - 1].value - slope * time) / time.squareRoot()) }
      }
    }
    return (deviation(residuals), deviation(steps))
  }

  private static func deviation(_ values: [Double]) -> Double {
    guard values.count >= 2 else { return 0 }
    let mean = values.reduce(0, +) / Double(values.count)
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
  }
}
