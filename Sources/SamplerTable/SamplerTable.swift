import ProcessImage

/// What a sampler's table said at one moment, as plain values.
public struct SamplerTable: Sendable {
  public var header: Header
  /// In the order in which they were loaded; those that were unloaded since are among them.
  public var modules: [Module]
  /// By index; 0 stands for all that found no room in the table.
  public var threads: [Thread]
  /// Names of tasks by index; 0 stands for none.
  public var taskNames: [String]
  /// Stacks with samples, by their index in the table.
  public var sites: [Site]
  /// Sampled blocks that live, sorted by address.
  public var blocks: [Block]
  /// Oldest first; at most 256.
  public var growths: [Growth]
  /// Oldest first; at most 1024.
  public var points: [Point]
  /// What was half-written or made no sense, and was left out.
  public var damage = Damage()

  public struct Header: Sendable, Hashable {
    public enum State: UInt32, Sendable { case empty, running, stopped, exited }
    public var state: State
    public var pid: Int32
    /// Path of the executable.
    public var program: String
    /// Average number of bytes between two samples.
    public var interval: UInt64
    public var tableSize: UInt64
    /// Nanoseconds of CLOCK_MONOTONIC at the start and at the last sample.
    public var startNanoseconds, lastNanoseconds: UInt64
    /// Nanoseconds since 1970 at the start.
    public var startRealtime: UInt64
    public var samples, freedSamples, liveBlocks, mostLiveBlocks: UInt64
    public var allocatedBytes, freedBytes: Double
    public var lostBlocks, lostSites, lostTaskNames, lostModules, interrupted, thinnings, staleBlocks,
      moduleChanges: UInt64
    public var slowStacks, asyncStacks: UInt64
    public var flags: Flags
    /// As wait(2) gives it, from `memwhy run`; nil while it runs or where nobody waited.
    public var exitStatus: Int32?
    /// Processes of its control group that the kernel ended for lack of memory while it ran; nil where unknown.
    public var groupKills: UInt64?
    /// Places for sites that are taken, and that there are.
    public var sitesUsed, sitesRoom: Int
  }

  public struct Flags: OptionSet, Sendable, Hashable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let noFramePointers = Flags(rawValue: 1)
    public static let noUnwinder = Flags(rawValue: 2)
    public static let asyncExact = Flags(rawValue: 4)
    /// The runtime has lost its symbol table: async callers are missing.
    public static let asyncUnknown = Flags(rawValue: 8)
    /// The program brings its own malloc: nothing can be sampled.
    public static let notCalled = Flags(rawValue: 16)
    /// Names of tasks are read.
    public static let taskNames = Flags(rawValue: 32)
    /// The process started another program in its own place (exec), and that is not sampled.
    public static let replaced = Flags(rawValue: 64)
    /// The program's allocator has an operator new of its own: what C++ code allocates with it is not sampled.
    public static let ownNew = Flags(rawValue: 128)
  }

  public struct Module: Sendable, Hashable {
    public var path: String
    /// GNU build id as lower-case hex; empty if there is none.
    public var buildID: String
    public var start, end: UInt64
    /// Address in the process minus address in the file.
    public var bias: UInt64
    /// Addresses of its code, and where that begins in the file.
    public var text: Range<UInt64>
    public var textOffset: UInt64
    /// Nanoseconds of CLOCK_MONOTONIC.
    public var loaded: UInt64
    /// nil while it is loaded.
    public var unloaded: UInt64?
    public var hasFramePointers, isExecutable: Bool
  }

  public struct Thread: Sendable, Hashable {
    public var id: Int32
    /// Empty if nobody has seen it.
    public var name: String
  }

  public struct Frame: Sendable, Hashable {
    public enum Kind: Sendable { case returnAddress, resumeFunction }
    public var address: UInt64
    public var kind: Kind
    /// An address inside the instruction that called, or the start of the function that goes on.
    public var lookupAddress: UInt64 { kind == .returnAddress && address > 0 ? address - 1 : address }
  }

  /// A stack that allocated. Counts and bytes are estimates over all allocations.
  public struct Site: Sendable {
    /// In the table; 0 collects stacks that found no room, 1 allocations whose stack is unknown.
    public var index: Int
    /// Leaf first. Frames from `asyncFrom` on are async callers that wait: addresses of the functions that resume them.
    public var addresses: [UInt64]
    public var asyncFrom: Int
    public var isCut, isFromUnwinder, isInTask: Bool
    /// Index of the only thread that was seen here.
    public var thread: Int?
    /// Index of the only task name that was seen here, 0 for none; nil for several.
    public var task: Int?
    public var samples, freedSamples, liveSamples: Int
    public var allocatedCount = Estimate(), allocatedBytes = Estimate()
    /// Of blocks that live.
    public var inUseCount = Estimate(), inUseBytes = Estimate()
    public var freedCount, freedBytes: Double
    /// Sum of the ages at which blocks were freed, in nanoseconds, estimated over all.
    public var freedAge: Double
    /// Sum of the ages of blocks that live, in nanoseconds, estimated over all.
    public var liveAge: Double = 0
    /// Freed samples by age: below 10 ms, 100 ms, 1 s, 10 s, 100 s, and above.
    public var ages: [Int]

    public var frames: [Frame] {
      addresses.enumerated().map { Frame(address: $1, kind: $0 < asyncFrom ? .returnAddress : .resumeFunction) }
    }
  }

  /// A sampled block that lives.
  public struct Block: Sendable, Hashable {
    public var address: UInt64
    public var size: UInt64
    /// Nanoseconds of CLOCK_MONOTONIC.
    public var time: UInt64
    /// That it counts with.
    public var interval: UInt64
    /// Index of its site in the table.
    public var site: Int
    public var thread: Int
    /// Index of its task's name, 0 for none.
    public var task: Int
    /// Allocations that it stands for.
    public var weight: Double { 1 / Sampling.chance(size: size, interval: interval) }
  }

  public struct Growth: Sendable, Hashable {
    public enum Kind: UInt32, Sendable {
      /// The program break moved.
      case programBreak = 1
      /// One block that is a mapping of its own.
      case mapping
      /// More in use than ever before.
      case live
    }
    public var kind: Kind
    /// Nanoseconds of CLOCK_MONOTONIC.
    public var time: UInt64
    public var site, thread: Int
    /// Bytes.
    public var step, total: UInt64
  }

  public struct Point: Sendable, Hashable {
    /// Nanoseconds since 1970, and of CLOCK_MONOTONIC.
    public var realtime, monotonic: UInt64
    /// Bytes; nil where unknown.
    public var rss, limit, groupUsage, swap, anonymous: UInt64?
    public var threads: UInt64?
    public var allocatedBytes, freedBytes: Double
    public var samples, liveBlocks, interval: UInt64

    public init(
      realtime: UInt64, monotonic: UInt64, rss: UInt64?, limit: UInt64?, groupUsage: UInt64?, swap: UInt64?,
      anonymous: UInt64?, threads: UInt64?, allocatedBytes: Double = 0, freedBytes: Double = 0, samples: UInt64 = 0,
      liveBlocks: UInt64 = 0, interval: UInt64 = 0
    ) {
      self.realtime = realtime
      self.monotonic = monotonic
      self.rss = rss
      self.limit = limit
      self.groupUsage = groupUsage
      self.swap = swap
      self.anonymous = anonymous
      self.threads = threads
      self.allocatedBytes = allocatedBytes
      self.freedBytes = freedBytes
      self.samples = samples
      self.liveBlocks = liveBlocks
      self.interval = interval
    }
  }

  public struct Damage: Sendable, Hashable {
    /// Half-written: the process died or was stopped in the middle, or was faster than the reader.
    public var unfinishedSites = 0, unfinishedBlocks = 0
    /// Contradict themselves.
    public var badSites = 0, badBlocks = 0, badModules = 0
    public var isEmpty: Bool { self == Damage() }
  }

  public func site(at index: Int) -> Site? {
    let place = sites.partitionIndex { $0.index < index }
    return place < sites.count && sites[place].index == index ? sites[place] : nil
  }

  /// The module that has `address`: of those that had it one after the other, the one that is still there, or the last one.
  public func module(containing address: UInt64) -> Int? {
    let candidates = modules.indices.filter { modules[$0].start <= address && address < modules[$0].end }
    return candidates.last { modules[$0].unloaded == nil } ?? candidates.last
  }
}
