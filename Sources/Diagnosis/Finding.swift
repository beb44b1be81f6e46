import HeapGraph

/// How sure a statement is: the scale of leaks.
public typealias Confidence = LeakGroup.Confidence

/// The causes that memory is put to.
public enum Cause: String, Codable, Sendable, Hashable, CaseIterable {
  case leak, lostTasks, collection, buffers, tasks, liveObjects, nativeGrowth
  case duplicates, capacity
  case manyArenas, pinnedArena
  case threads, descriptors, pageCache, sharedMemory, mappings, kernel
  case load, warmUp, steady, unexplained

  public var title: String {
    switch self {
    case .leak: "leak: unreachable"
    case .lostTasks: "leak: never finishes"
    case .collection: "growth: collection"
    case .buffers: "growth: buffers"
    case .tasks: "growth: tasks"
    case .liveObjects: "growth: live objects"
    case .nativeGrowth: "native growth"
    case .duplicates: "waste: duplicates"
    case .capacity: "waste: capacity"
    case .manyArenas: "allocator retention: many arenas"
    case .pinnedArena: "allocator retention: pinned arena"
    case .threads: "outside the heap: threads"
    case .descriptors: "outside the heap: descriptors"
    case .pageCache: "outside the heap: page cache"
    case .sharedMemory: "outside the heap: shared memory"
    case .mappings: "outside the heap: mappings"
    case .kernel: "outside the heap: kernel memory"
    case .load: "load"
    case .warmUp: "warm-up"
    case .steady: "steady"
    case .unexplained: "unexplained"
    }
  }

  /// Nothing has to be changed in the program.
  public var isHealthy: Bool { self == .load || self == .warmUp || self == .steady }
}

/// One cause with what speaks for it.
public struct Finding: Codable, Sendable, Hashable {
  public var cause: Cause
  /// What it is, in the service's own words: a type, a function, a size class.
  public var title: String
  /// The name of who holds or allocates; nil where there is none.
  public var site: String?
  public var confidence: Confidence
  /// Bytes by which it grew while it was watched; nil where only one look was taken.
  public var growth: Int64?
  public var growthPerHour: Double?
  /// Part of all growth, 0 ... 1; set by the verdict.
  public var share: Double?
  /// Bytes that it holds now.
  public var holds: UInt64
  /// What was seen, a line each.
  public var evidence: [String]
  /// What to change.
  public var advice: [String]
  /// The observation that would prove this wrong.
  public var overturnedBy: String

  public init(
    _ cause: Cause, title: String, site: String? = nil, confidence: Confidence, growth: Int64? = nil, holds: UInt64 = 0,
    evidence: [String], advice: [String], overturnedBy: String
  ) {
    self.cause = cause
    self.title = title
    self.site = site
    self.confidence = confidence
    self.growth = growth
    self.holds = holds
    self.evidence = evidence
    self.advice = advice
    self.overturnedBy = overturnedBy
  }
}
