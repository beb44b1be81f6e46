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
  /// A rise of so many times what is material is not called steady where values without a memory would rise so in one of twenty windows only.
  private static let notable = 3.0
  private static let suspicion = 0.05

  /// - Parameters:
  ///   - lives: the level within each life of the process, in order.
  ///   - material: a rise below this many units is no growth.
  public init(_ lives: [Series], material: Double) {
    let usable = lives.filter { $0.count >= 6 && $0.span > 0 }
    let floors = Floors(usable)
    self.lives = usable.count
    span = usable.reduce(0) { $0 + $1.span }
    period = floors.period
    resolution = floors.resolution
    epochs = floors.lives.reduce(0) { $0 + $1.count }
    let seen = lives.last { !$0.isEmpty }?.values ?? []
    floor = floors.lives.last?.last?.value ?? seen.last ?? 0
    firstFloor = floors.lives.last?.first?.value ?? seen.first ?? 0
    swing = TheilSen.median(floors.swings)
    blur = floors.blurs.isEmpty ? 0 : TheilSen.median(floors.blurs)
    let test = MannKendall(blocks: floors.values)
    let signs = DifferenceSigns(blocks: floors.values)
    steps = floors.lives.reduce(0) { $0 + max($1.count - 1, 0) }
    risenSteps = signs.up
    slope = TheilSen(blocks: floors.lives, test: test) ?? TheilSen(slope: 0, low: 0, high: 0)
    rise = max(slope.slope, 0) * span
    bend = floors.bend
    (noise, diffusion) = floors.spread(aroundSlope: slope.slope)
    // What wanders looks like a trend to a test against a line, so only its steps are asked. Else two looks at the same floors: the
    // better one counts, at twice its probability (Bonferroni).
    let wanders = floors.wander(aroundSlope: slope.slope)
    let ranks = wanders ? 1 : test.probabilityOfRise
    probability = min(ranks, 2 * signs.probabilityOfRise, 1)
    let probabilityOfFall = min(wanders ? 1 : test.probabilityOfFall, 2 * signs.probabilityOfFall, 1)
    pattern = .undecided
    pattern = decide(floors, ranks: ranks, probabilityOfFall: probabilityOfFall, material: material)
  }

  /// - Parameters:
  ///   - ranks: probability of the rise by the test against a line alone.
  ///   - material: as in `init`.
  private func decide(_ floors: Floors, ranks: Double, probabilityOfFall: Double, material: Double) -> Pattern {
    // A test on less than six floors cannot be significant at all.
    if epochs < Floors.fewestEpochs && floors.lives.allSatisfy({ $0.count < 5 }) || floors.isRhythmTooLong {
      return .undecided
    }
    let fall = -slope.slope * span
    if probabilityOfFall < Self.significance && fall >= material && floors.negated.rise(by: fall, beyond: blur) {
      return .falling
    }
    if probability < Self.significance && rise >= material && floors.rise(by: rise, beyond: blur) {
      if floors.haveLevelledOff(noise: noise) { return .levelledOff }
      // Only the steps say so, and a slow swing may take it back.
      return ranks >= Self.significance && floors.fallBack(ofRise: rise) ? .undecided : .growing
    }
    // Early on and then nothing: too few rising pairs for the test, and no growth either.
    if floors.steppedUp(material: max(material, blur)) { return .levelledOff }
    // Values without a memory would hardly ever rise so; those of a walk, or a few on a curve, do.
    if rise >= Self.notable * material && floor - firstFloor >= material
      && MannKendall(blocks: floors.values, isIndependent: true).probabilityOfRise < Self.suspicion
    {
      return .undecided
    }
    return .steady
  }

  /// The floor rises, if not by enough to matter, and not only since it is looked at at other instants of a rhythm.
  public var rises: Bool { probability < Self.significance && rise > blur }
}
