/// What a freeze would cost and whether a guard would refuse it, as far as that shows without touching the process.
public struct FreezeOutlook: Sendable, Hashable {
  /// Nanoseconds.
  public var predictedPause: UInt64
  /// What the process's memory limit must have room for: page tables of the copy and the budget for copied pages. In bytes;
  /// nil where a guard refused before it was worked out.
  public var needed: UInt64?
  /// Room below the tightest limit, in bytes, and that limit's name; nil where there is none.
  public var room: UInt64?
  public var limit: String?
  /// The guard that would refuse; nil for none.
  public var refusal: FreezeError?
  /// What the guards remarked, in sentences.
  public var notes: [String]

  public init(
    predictedPause: UInt64, needed: UInt64? = nil, room: UInt64? = nil, limit: String? = nil,
    refusal: FreezeError? = nil, notes: [String] = []
  ) {
    self.predictedPause = predictedPause
    self.needed = needed
    self.room = room
    self.limit = limit
    self.refusal = refusal
    self.notes = notes
  }

  /// Reads `/proc` and the control group of a living process.
  public init(of target: Procfs.Target, options: FreezeOptions = FreezeOptions()) {
    predictedPause = PausePrediction.nanoseconds(
      target: target, mappings: (try? Procfs.mappings(of: target.memoryThread)) ?? [])
    let tightest = MemoryLimits(pid: target.pid).tightest(enough: .max)
    room = tightest?.room
    limit = tightest?.group.name
    do throws(FreezeError) {
      let guards = try FreezeGuards(target: target, options: options)
      needed = guards.needed
      refusal = nil
      notes = guards.notes
    } catch {
      needed = nil
      refusal = error
      notes = []
    }
  }
}
