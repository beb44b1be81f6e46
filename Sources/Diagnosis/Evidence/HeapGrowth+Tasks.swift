import HeapGraph

extension HeapGrowth {
  /// Tasks that do the same, which became more or keep more.
  struct Tasks: Sendable, Hashable {
    var group: TaskGroup
    var more: Int64
    /// With all they keep, also what tasks of another group keep.
    var growth: Int64
    /// Of `growth`, what no other group has that is told: the sum over groups has each byte once.
    var counted: Int64
    /// What they hold now, likewise.
    var held: UInt64

    /// From so many more on they are a cause of their own; what fewer keep hangs on places, as what anything keeps.
    static let fewest: Int64 = 32

    /// Groups that became more, most bytes first.
    static func grown(_ before: [TaskGroup], _ after: [TaskGroup]) -> [Tasks] {
      let old = Dictionary(before.map { (Key($0), Amount($0)) }) { $0.plus($1) }
      let new = Dictionary(after.map { (Key($0), Amount($0)) }) { $0.plus($1) }
      var moved: [String: Amount] = [:]
      for (key, amount) in old where key.isLive {
        let change = amount.plus(new[key] ?? Amount(), sign: -1)
        guard change.tasks > 0, let origin = key.origin else { continue }
        moved[origin, default: Amount()] = moved[origin, default: Amount()].plus(change)
      }
      var seen: Set<Key> = []
      let risen = after.compactMap { group -> Tasks? in
        let key = Key(group)
        // Lost tasks belong to the leaks.
        guard group.lost * 2 < group.tasks, seen.insert(key).inserted, let now = new[key] else { return nil }
        let change = now.plus(old[key] ?? Amount(), sign: -1)
        guard change.tasks > 0 else { return nil }
        return Tasks(
          group: group, more: change.tasks, growth: change.bytes, counted: change.bytes - change.nested,
          held: group.countedBytes)
      }.sorted { ($0.more, $0.growth) > ($1.more, $1.growth) }
      let told = risen.compactMap { withoutMoved($0, &moved) }.filter { $0.growth > 0 }
      return withUntold(told, counted(after) - counted(before))
        .sorted { ($0.growth, $1.more) > ($1.growth, $0.more) }
    }

    private static func counted(_ groups: [TaskGroup]) -> Int64 {
      groups.reduce(0) { $1.lost * 2 < $1.tasks ? $0 &+ Int64(clamping: $1.countedBytes) : $0 }
    }

    /// What hangs on tasks that became no more, as finished children do on the one that waits for them, is told with those that did.
    ///
    /// - Parameter all: growth of all groups, each byte once.
    private static func withUntold(_ told: [Tasks], _ all: Int64) -> [Tasks] {
      var untold = max(all - told.reduce(0) { $0 + $1.counted }, 0)
      return told.map { tasks in
        let nested = tasks.growth - tasks.counted
        let taken = min(nested, untold)
        guard taken > 0 else { return tasks }
        untold -= taken
        var tasks = tasks
        tasks.counted += taken
        let part = Double(taken) / Double(nested)
        tasks.held += UInt64(Double(tasks.group.retainedBytes - tasks.group.countedBytes) * part)
        return tasks
      }
    }

    /// A task that waits for one thing now and waited for another before is none more.
    private static func withoutMoved(_ tasks: Tasks, _ moved: inout [String: Amount]) -> Tasks? {
      let key = Key(tasks.group)
      guard key.isLive, let origin = key.origin, let from = moved[origin], from.tasks > 0 else { return tasks }
      let number = min(from.tasks, tasks.more)
      // In proportion, where not all of them went to this group.
      let part = Double(number) / Double(from.tasks)
      let taken = Amount(
        tasks: number, bytes: Int64(Double(from.bytes) * part), nested: Int64(Double(from.nested) * part))
      moved[origin] = from.plus(taken, sign: -1)
      var tasks = tasks
      tasks.more -= number
      tasks.growth -= taken.bytes
      tasks.counted -= taken.bytes - taken.nested
      return tasks.more > 0 ? tasks : nil
    }

    /// What a group is told by in another snapshot.
    private struct Key: Hashable {
      var state: TaskGroup.State
      var functions: [String]
      var relation: TaskGroup.Relation
      var parent: String?
      var queuedOn: String?
      /// The function with which the tasks began: it stays the same, whatever they wait for.
      var origin: String?

      init(_ group: TaskGroup) {
        state = group.state
        functions = group.functions
        relation = group.relation
        parent = group.parent
        queuedOn = group.queuedOn
        let own = group.isOwn.lastIndex(of: true).flatMap { functions.indices.contains($0) ? functions[$0] : nil }
        origin = own ?? functions.last
      }

      /// Kept results of finished tasks are a cause of their own.
      var isLive: Bool { state != .complete }
    }

    private struct Amount {
      var tasks: Int64 = 0
      var bytes: Int64 = 0
      var nested: Int64 = 0

      init(tasks: Int64 = 0, bytes: Int64 = 0, nested: Int64 = 0) {
        (self.tasks, self.bytes, self.nested) = (tasks, bytes, nested)
      }

      init(_ group: TaskGroup) {
        tasks = Int64(group.tasks) &- Int64(group.lost)
        bytes = Int64(clamping: group.retainedBytes)
        nested = Int64(clamping: group.nestedBytes ?? 0)
      }

      func plus(_ other: Amount, sign: Int64 = 1) -> Amount {
        Amount(
          tasks: tasks &+ sign &* other.tasks, bytes: bytes &+ sign &* other.bytes,
          nested: nested &+ sign &* other.nested)
      }
    }
  }
}
