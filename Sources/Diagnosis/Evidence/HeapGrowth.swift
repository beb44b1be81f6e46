import HeapGraph

/// What became more in the heap between the first and the last snapshot; each byte belongs to one kind.
///
/// Blocks that no pointer reaches belong to the leaks; what tasks keep, to the tasks; what hangs on a growing place, to that place. What
/// is left are live objects of Swift and native blocks.
struct HeapGrowth: Sendable {
  static let swiftKinds: Set<String> = [
    "class", "arrayStorage", "dictionaryStorage", "setStorage", "stringStorage", "closureContext", "box", "error",
    "sideTable",
  ]
  static let taskKinds: Set<String> = ["task", "taskSlab", "job"]
  static let nativeKinds: Set<String> = ["native", "unknown"]

  var hours: Double
  /// By type, largest growth first.
  var rows: [CensusDelta.Row]
  /// Places that keep more, without those that keep tasks and those that the runtime keeps.
  var places: [GrowingPlace]
  /// Places that keep less: what the others gained may hide behind them. Their growth is below 0.
  var shrunkPlaces: [GrowingPlace]
  /// Places at which nothing but native blocks hang: said beside native growth.
  var nativePlaces: [GrowingPlace]
  /// Places that keep more tasks: said beside the tasks.
  var taskPlaces: [GrowingPlace]
  var tasks: [Tasks]
  /// Tasks' own frames and what they keep.
  var taskBytes: Int64
  /// What the places that keep more tasks keep more beside them.
  var besideTasks: Int64
  /// Swift objects and native blocks that neither a leak nor a task nor a place has taken.
  var swiftRest: Int64
  var nativeRest: Int64

  /// Growth below this is none. A rest is said as a cause of its own from this size on, and from a hundredth of what became more.
  static let negligible: Int64 = 262_144

  func isMaterial(_ rest: Int64) -> Bool {
    rest >= Self.negligible && rest >= rows.reduce(Int64(0)) { $0 &+ max($1.bytes, 0) } / 100
  }

  /// Nil where there are no two snapshots.
  init?(_ heaps: [HeapFacts]) {
    guard let first = heaps.first, let last = heaps.last, first.time < last.time else { return nil }
    // The allocator's own blocks are in the books as such.
    let rows = CensusDelta.rows(first, last) { $0.type != TypedHeap.allocatorInternalName }
    func sum(_ kinds: Set<String>) -> Int64 { rows.reduce(0) { kinds.contains($1.kind) ? $0 + $1.bytes : $0 } }
    /// Bytes by which leaks of these kinds grew, blocks with and without a Swift type.
    func leaked(_ part: KeyPath<HeapFacts.Leak, UInt64>, _ include: (HeapFacts.Leak) -> Bool = { _ in true }) -> Int64 {
      func bytes(_ heap: HeapFacts) -> Int64 {
        ((heap.leaks ?? []) + (heap.acceptedLeaks ?? [])).reduce(0) {
          include($1) ? $0 + Int64(clamping: $1[keyPath: part]) : $0
        }
      }
      return max(bytes(last) - bytes(first), 0)
    }
    var swift = sum(Self.swiftKinds) - leaked(\.swiftPart) { $0.kind != "lostTask" }
    // Memory of C that hangs on a leaked object is leaked with it.
    var native = sum(Self.nativeKinds) - leaked(\.nativePart)
    // A lost task's frames count with it, and so do the objects in them.
    let lost = leaked(\.swiftPart) { $0.kind == "lostTask" }
    let frames = max(sum(Self.taskKinds), 0)
    swift -= max(lost - frames, 0)
    let tasks = Tasks.grown(first.tasks ?? [], last.tasks ?? [])
    let taskBytes = max(tasks.reduce(0) { $1.more >= Tasks.fewest ? $0 + $1.counted : $0 }, max(frames - lost, 0))
    swift -= max(taskBytes - max(frames - lost, 0), 0)
    let found = GrowingPlace.find(heaps).map { place in
      var place = place
      if place.isInTask { place.task = Self.task(keeping: place.growth, first.tasks ?? [], last.tasks ?? []) }
      return place
    }
    let taskPlaces = found.filter {
      $0.content?.hasPrefix("task") == true && tasks.contains { $0.more >= Tasks.fewest }
    }
    // Elements with which tasks wait at a channel hang there beside them.
    let isWaiting = tasks.contains { $0.more >= Tasks.fewest && $0.group.state != .complete }
    let beside =
      isWaiting ? min(max(taskPlaces.reduce(0) { $0 + $1.growth } - taskBytes, 0), max(swift, 0)) : 0
    swift -= beside
    var places: [GrowingPlace] = []
    // What one place let go of, another may have taken: the sum of both says nothing of either.
    let shrunk = GrowingPlace.findShrunk(heaps)
    // Of what a place with tasks let go of, their frames never were among the others.
    let released = max(shrunk.reduce(Int64(0)) { $0 - $1.growth } + min(sum(Self.taskKinds), 0), 0)
    (swift, native) = Self.refilled(swift, native, by: released)
    var room = max(swift, 0) + max(native, 0)
    let nativePlaces = found.filter(\.isNative)
    for var place in found where !taskPlaces.contains(place) && !place.isNative && !place.isRuntime && room > 0 {
      // What hangs on several places at once is counted once.
      place.growth = min(place.growth, room)
      room -= place.growth
      places.append(place)
      let ofSwift = min(place.growth, max(swift, 0))
      swift -= ofSwift
      native -= place.growth - ofSwift
    }
    hours = max(Double(last.time - first.time) / 3_600_000, 1e-9)
    self.rows = rows
    self.places = places
    shrunkPlaces = shrunk
    self.nativePlaces = nativePlaces
    self.taskPlaces = taskPlaces
    self.tasks = tasks
    self.taskBytes = taskBytes
    besideTasks = beside
    swiftRest = swift
    nativeRest = native
  }

  /// What became more when bytes that went are added again: first to what fell, since that is where they went from.
  private static func refilled(_ swift: Int64, _ native: Int64, by released: Int64) -> (Int64, Int64) {
    let toNative = min(max(-native, 0), released)
    return (swift + (released - toNative), native + toNative)
  }

  func rising(_ kinds: Set<String>, _ most: Int = 4) -> [CensusDelta.Row] {
    Array(rows.lazy.filter { kinds.contains($0.kind) && $0.bytes > 0 }.prefix(most))
  }

  /// The function of the tasks that keep so much more, whatever they wait for just now; nil where none has most of it.
  private static func task(keeping growth: Int64, _ before: [TaskGroup], _ after: [TaskGroup]) -> String? {
    var more: [String: Int64] = [:]
    for (groups, sign) in [(before, Int64(-1)), (after, 1)] {
      for group in groups {
        guard let name = TasksRule.function(group) else { continue }
        more[name, default: 0] += sign * Int64(clamping: group.retainedBytes)
      }
    }
    return more.max { ($0.value, $1.key) < ($1.value, $0.key) }.flatMap { $0.value >= growth / 2 ? $0.key : nil }
  }
}

/// What changed between two censuses, in bytes that take memory.
enum CensusDelta {
  struct Row: Sendable, Hashable {
    var type: String
    var kind: String
    var count: Int64
    var bytes: Int64
  }

  /// Rows that differ, largest growth first.
  static func rows(_ first: HeapFacts, _ last: HeapFacts, where include: (HeapFacts.Row) -> Bool) -> [Row] {
    var rows: [String: Row] = [:]
    for row in last.census where include(row) {
      rows[row.type] = Row(type: row.type, kind: row.kind, count: Int64(row.count), bytes: Int64(row.written))
    }
    for row in first.census where include(row) {
      var delta = rows[row.type] ?? Row(type: row.type, kind: row.kind, count: 0, bytes: 0)
      delta.count -= Int64(row.count)
      delta.bytes -= Int64(row.written)
      rows[row.type] = delta
    }
    return rows.values.filter { $0.bytes != 0 || $0.count != 0 }.sorted { ($0.bytes, $1.type) > ($1.bytes, $0.type) }
  }
}
