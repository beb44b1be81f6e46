import HeapGraph
import Malloc
import SwiftMetadata

/// What one snapshot of a heap says, in numbers small enough to keep by the hundred. Sizes in bytes.
///
/// This is the content of a capture in the history (docs/history.md), so new keys are optional.
public struct HeapFacts: Codable, Sendable, Hashable {
  /// One of the allocator's arenas. Sizes in bytes.
  public struct Arena: Codable, Sendable, Hashable {
    public var isMain: Bool
    public var system, live, free, top: UInt64

    public init(isMain: Bool, system: UInt64, live: UInt64, free: UInt64, top: UInt64) {
      self.isMain = isMain
      self.system = system
      self.live = live
      self.free = free
      self.top = top
    }
  }

  /// Live blocks of one type.
  public struct Row: Codable, Sendable, Hashable {
    public var type: String
    /// `ObjectType.Kind`, or `unknown`.
    public var kind: String
    public var count: UInt64
    public var bytes: UInt64
    /// Of `bytes`, those that nobody has written, which take no memory; absent where there are none, and in older captures.
    public var unwritten: UInt64?

    /// Bytes that take memory, resident or in swap.
    var written: UInt64 { bytes - min(unwritten ?? 0, bytes) }

    public init(type: String, kind: String, count: UInt64, bytes: UInt64) {
      self.type = type
      self.kind = kind
      self.count = count
      self.bytes = bytes
    }
  }

  /// Blocks to which no pointer was found, of one shape.
  public struct Leak: Codable, Sendable, Hashable {
    /// `cycle`, `lostTask`, `chain`, `native`.
    public var kind: String
    public var title: String
    public var waitsIn: String?
    public var confidence: Confidence
    public var instances, blocks, bytes: UInt64
    /// Bytes of its blocks that have no Swift type; absent in older captures, where only `native` leaks have any.
    public var nativeBytes: UInt64?
    /// `LeakGroup.library`; absent in older captures.
    public var library: String?
    /// `LeakGroup.isFollowed` where that is false.
    public var isFollowed: Bool?
    /// `LeakGroup.waitsFor`; absent in older captures.
    public var waitsFor: String?

    public init(
      kind: String, title: String, waitsIn: String? = nil, confidence: Confidence, instances: UInt64, blocks: UInt64,
      bytes: UInt64, nativeBytes: UInt64? = nil, library: String? = nil
    ) {
      self.kind = kind
      self.title = title
      self.waitsIn = waitsIn
      self.confidence = confidence
      self.instances = instances
      self.blocks = blocks
      self.bytes = bytes
      self.nativeBytes = nativeBytes
      self.library = library
    }

    /// Bytes without and with a Swift type.
    var nativePart: UInt64 { kind == "native" ? bytes : min(nativeBytes ?? 0, bytes) }
    var swiftPart: UInt64 { bytes - nativePart }

    /// The same cause in another snapshot. Several leaks of one snapshot may have it: tasks that wait in one function, awaited by different ones.
    public var identity: String { "\(kind)|\(title)|\(waitsIn ?? "")" }

    /// Those of one identity as one, in the order of the first of each: what another snapshot is compared with. O(leaks).
    static func merged(_ leaks: [Leak]) -> [Leak] {
      var result: [Leak] = []
      var places: [String: Int] = [:]
      for leak in leaks {
        guard let place = places[leak.identity] else {
          places[leak.identity] = result.count
          result.append(leak)
          continue
        }
        let native = result[place].nativePart &+ leak.nativePart
        result[place].instances &+= leak.instances
        result[place].blocks &+= leak.blocks
        result[place].bytes &+= leak.bytes
        result[place].nativeBytes = native
        result[place].confidence = min(result[place].confidence, leak.confidence)
      }
      return result
    }
  }

  /// What one place in the program keeps: a path from a named root along fields.
  public struct Holder: Codable, Sendable, Hashable {
    /// Names and fields from the root on, one step each: what tells the place in another snapshot.
    public var path: [String]
    /// Type of the blocks at its end.
    public var type: String
    public var count: UInt64
    /// Bytes that would go with them.
    public var retained: UInt64
    /// What the containers at its end hold; nil where they are none.
    public var container: ContainerSummary?
    /// Kind of the root at the top of the path; nil where several roots share it.
    public var root: NamedRoot.Kind?
    /// The field by which an object refers to it, `OfferCache.offersByUser`: stays the same where a path does not, because a stack word
    /// came in between.
    public var owner: String?
    /// A variable or frame that leads there, where several do.
    public var heldBy: String?
    /// Of `retained`, those that nobody has written, which take no memory; absent where there are none, and in older captures.
    public var unwritten: UInt64?

    /// With what takes memory only, resident or in swap.
    var written: Holder {
      var holder = self
      holder.retained -= min(unwritten ?? 0, retained)
      return holder
    }

    public init(
      path: [String], type: String, count: UInt64, retained: UInt64, container: ContainerSummary? = nil,
      root: NamedRoot.Kind? = nil, owner: String? = nil, heldBy: String? = nil
    ) {
      self.path = path
      self.type = type
      self.count = count
      self.retained = retained
      self.container = container
      self.root = root
      self.owner = owner
      self.heldBy = heldBy
    }
  }

  /// How much the service had done by then, by its own count.
  public struct Work: Codable, Sendable, Hashable {
    /// The counter's name, for sentences.
    public var name: String
    public var count: Double

    public init(name: String, count: Double) {
      self.name = name
      self.count = count
    }
  }

  /// Milliseconds since 1970.
  public var time: Int64
  /// The count of work at the instant of the copy; nil where none is kept.
  public var work: Work?
  public var allocator: String
  /// Every live block is listed and nothing else.
  public var isExact: Bool
  public var liveBlocks, liveBytes: UInt64
  public var arenas: [Arena]
  /// Largest first; at most `mostRows`, then one row for the rest.
  public var census: [Row]
  /// nil where leaks could not be judged.
  public var leaks: [Leak]?
  /// Leaks that a suppressions file accepts: no cause of their own, and no growth of live objects either.
  var acceptedLeaks: [Leak]?
  public var books: ResidentBooks?
  /// Places that keep at least a fifth of a percent of what is reachable; nil where that was not looked at.
  public var holders: [Holder]?
  /// Live tasks by what they do; nil where that was not looked at.
  public var tasks: [TaskGroup]?
  /// Equal copies and unused room; nil where that was not looked at.
  public var waste: WasteReport?
  /// Caches of the module LocalCache, as they describe themselves; nil where there are none or that was not looked at.
  public var caches: [LocalCacheSummary]?
  /// Modules of the classes that are there, without the program's own; nil where it is not known which that is, and in older captures.
  public var libraries: [String]?
  /// Who points into the largest mappings outside the allocator; nil where these are small, or that was not looked at.
  public var outsidePointers: [OutsidePointers]?
  /// Generic classes that a library uses for itself, of those to which a place belongs, with that library; nil where that was not looked at.
  public var libraryClasses: [String: String]?
  public var threads: Int
  /// Threads that have ended and that nobody has joined or detached; absent in older captures.
  public var unjoinedThreads: UInt64?
  /// Threads by name, and open files by path; absent in older captures, and where they could not be had.
  public var threadNames, fileNames: NamedCounts?
  /// Nanoseconds for which the process stood still.
  public var pause: UInt64?

  static let mostRows = 300
  /// Name of the row for all types beyond the largest.
  static let rest = "other types"

  public init(
    time: Int64, allocator: String = "glibc", isExact: Bool = true, liveBlocks: UInt64 = 0, liveBytes: UInt64 = 0,
    arenas: [Arena] = [], census: [Row] = [], leaks: [Leak]? = [], books: ResidentBooks? = nil, threads: Int = 0,
    pause: UInt64? = nil
  ) {
    self.time = time
    self.allocator = allocator
    self.isExact = isExact
    self.liveBlocks = liveBlocks
    self.liveBytes = liveBytes
    self.arenas = arenas
    self.census = census
    self.leaks = leaks
    self.books = books
    self.threads = threads
    self.pause = pause
  }

  /// Free memory in arenas by the allocator's own structures, resident or not.
  public var freeBytes: UInt64 { arenas.reduce(0) { $0 &+ $1.free &+ $1.top } }

  /// Numbers that a heap can have: a damaged history may hold anything.
  public var isPlausible: Bool {
    let most: UInt64 = 1 << 52
    var numbers: [UInt64] = [liveBytes, liveBlocks, books?.resident ?? 0, time.magnitude]
    for arena in arenas { numbers += [arena.system, arena.live, arena.free, arena.top] }
    for row in census { numbers += [row.count, row.bytes, row.unwritten ?? 0] }
    for leak in (leaks ?? []) + (acceptedLeaks ?? []) {
      numbers += [leak.instances, leak.blocks, leak.bytes, leak.nativeBytes ?? 0]
    }
    for holder in holders ?? [] {
      numbers += [holder.count, holder.retained, holder.unwritten ?? 0]
      if let own = holder.container {
        numbers += [own.entries, own.slots, own.inlineBytes, own.behindBytes, own.emptyBytes]
        numbers += [UInt64(own.containers.magnitude), UInt64(own.values?.valueBytes.magnitude ?? 0)]
      }
    }
    for group in tasks ?? [] {
      numbers +=
        [group.tasks.magnitude, group.lost.magnitude, group.handleOnly.magnitude].map(UInt64.init) + [
          group.retainedBytes, group.nestedBytes ?? 0,
        ]
    }
    for cache in caches ?? [] { numbers += [cache.entries, cache.evictions, cache.published?.weight ?? 0] }
    if let waste {
      numbers += [waste.reachableBytes, waste.duplicateBytes, waste.spareBytes, waste.pinnedBytes]
      for group in waste.duplicates { numbers += [UInt64(group.blocks.magnitude), group.savedBytes] }
      for room in waste.spare { numbers += [room.entries, room.slots, room.emptyBytes] }
      for views in waste.pinned { numbers += [views.shownBytes, views.pinnedBytes, views.savedBytes] }
    }
    if let books {
      numbers += [books.trimmable ?? 0, books.trimmed ?? 0, books.threadTops ?? 0] + books.largestMappings
    }
    for names in [threadNames, fileNames] { numbers += (names?.counts.values).map(Array.init) ?? [] }
    if let work { numbers.append(work.count.isFinite ? UInt64(min(work.count.magnitude, 0x1p60)) : .max) }
    for amount in books?.rows.values.map(\.magnitude) ?? [] { numbers.append(amount) }
    return numbers.count < 1_000_000 && numbers.allSatisfy { $0 < most }
  }

  /// Takes the leaks that are accepted out of the others.
  public mutating func accept(_ isAccepted: (Leak) -> Bool) {
    guard let all = leaks else { return }
    acceptedLeaks = (acceptedLeaks ?? []) + all.filter(isAccepted)
    leaks = all.filter { !isAccepted($0) }
  }

  public func bytes(where include: (Row) -> Bool) -> UInt64 {
    census.reduce(0) { include($1) ? $0 &+ $1.bytes : $0 }
  }
}

extension HeapFacts {
  /// From an analysis; the image may be gone.
  ///
  /// - Parameter unwritten: parts of blocks that nobody has written; nil where that is not known.
  public init(
    _ analysis: HeapAnalysis, time: Int64, books: ResidentBooks?, threads: Int, pause: UInt64?,
    unwritten: UnwrittenBytes? = nil
  ) {
    let walk = analysis.heap.walk
    let absent = unwritten.map { analysis.heap.censusBytes(of: $0.blocks) } ?? [:]
    var rows = analysis.census.map { row in
      var own = Row(
        type: row.type, kind: row.type.hasPrefix("malloc(") ? "unknown" : row.kind.rawValue, count: UInt64(row.count),
        bytes: row.bytes)
      own.unwritten = absent[row.type]
      return own
    }
    if rows.count > Self.mostRows {
      let tail = rows[Self.mostRows...]
      var rest = Row(
        type: Self.rest, kind: "rest", count: tail.reduce(0) { $0 + $1.count }, bytes: tail.reduce(0) { $0 + $1.bytes })
      let restUnwritten = tail.reduce(UInt64(0)) { $0 &+ ($1.unwritten ?? 0) }
      rest.unwritten = restUnwritten == 0 ? nil : restUnwritten
      rows = Array(rows[..<Self.mostRows]) + [rest]
    }
    self.init(
      time: time, allocator: walk.allocator, isExact: walk.isExact, liveBlocks: UInt64(analysis.blockCount),
      liveBytes: analysis.bytes,
      arenas: walk.arenas.map {
        Arena(isMain: $0.isMain, system: $0.systemBytes, live: $0.liveBytes, free: $0.freeBytes, top: $0.topBytes)
      }, census: rows,
      leaks: analysis.leaks.map(Self.leaks), books: books, threads: threads, pause: pause)
    libraries = Self.libraries(analysis.types)
    unjoinedThreads = analysis.unjoinedThreads.map { UInt64(clamping: $0) }
  }
}

extension HeapFacts {
  /// Types of the program's own module are written without it: where none is there, modules cannot be told from outer types.
  private static func libraries(_ types: [ObjectType]) -> [String]? {
    guard types.contains(where: \.isOwn) else { return nil }
    let others = types.lazy.filter { $0.kind == .class && !$0.isOwn && $0.name.contains(".") }
    return Set(others.map { String($0.name.prefix { $0 != "." }) }).sorted()
  }

  /// The library to whose class a field belongs, given as `NIOHTTP2.HTTP2StreamMultiplexer.streams`; nil for fields of the program's own, of
  /// generic classes that may be boxes around what is the program's, and of Foundation's collections, which the program fills itself.
  func library(of field: String?) -> String? {
    guard let field else { return nil }
    guard !field.contains("<") else { return libraryClasses?.first { field.hasPrefix($0.key + ".") }?.value }
    guard !field.hasPrefix("Foundation.NSMutable") else { return nil }
    let module = String(field.prefix { $0 != "." })
    return libraries?.contains(module) == true ? module : nil
  }

  /// Largest first; beyond `mostRows` one row a kind, so that their sum stays what it is.
  private static func leaks(_ groups: [LeakGroup]) -> [Leak] {
    var rows = groups.prefix(mostRows).map { group in
      var row = Leak(
        kind: group.kind.rawValue, title: group.title, waitsIn: group.waitsIn.first,
        confidence: group.confidence, instances: UInt64(group.instances), blocks: UInt64(group.blocks),
        bytes: group.bytes, nativeBytes: nativeBytes(group), library: group.library)
      row.isFollowed = group.isFollowed ? nil : false
      row.waitsFor = group.waitsFor
      return row
    }
    var rest: [String: Leak] = [:]
    for group in groups.dropFirst(mostRows) {
      var row =
        rest[group.kind.rawValue]
        ?? Leak(
          kind: group.kind.rawValue, title: "smaller groups", confidence: .likely, instances: 0, blocks: 0, bytes: 0,
          nativeBytes: 0)
      row.instances += UInt64(group.instances)
      row.blocks += UInt64(group.blocks)
      row.bytes += group.bytes
      row.nativeBytes = (row.nativeBytes ?? 0) + nativeBytes(group)
      row.confidence = min(row.confidence, group.confidence)
      if !group.isFollowed { row.isFollowed = false }
      rest[group.kind.rawValue] = row
    }
    rows += rest.values.sorted { $0.kind < $1.kind }
    return rows
  }

  /// By the kinds of the census.
  private static func nativeBytes(_ group: LeakGroup) -> UInt64 {
    group.contents.reduce(0) { $1.kind == .native ? $0 &+ $1.bytes : $0 }
  }
}
