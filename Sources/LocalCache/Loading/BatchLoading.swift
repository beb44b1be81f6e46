extension CacheLoading {
  /// Loads many keys in batches of `batchSize`, at most `batchParallelism` of them at the same time, in the order of the keys.
  ///
  /// - Returns: what the batches gave, all together.
  /// - Throws: the first error of a batch; the others are cancelled.
  func inBatches<Key: Hashable & Sendable, Value: Sendable>(
    _ keys: [Key], load: @escaping @Sendable ([Key]) async throws -> [Key: Value]
  ) async throws -> [Key: Value] {
    var found: [Key: Value] = [:]
    var batches = keys.batches(of: batchSize)[...]
    try await withThrowingTaskGroup(of: [Key: Value].self) { group in
      for _ in 0..<max(1, batchParallelism) {
        guard let batch = batches.popFirst() else { break }
        group.addTask { try await load(batch) }
      }
      while let loaded = try await group.next() {
        found.merge(loaded) { _, new in new }
        if let batch = batches.popFirst() { group.addTask { try await load(batch) } }
      }
    }
    return found
  }
}

extension Array {
  /// Parts of at most `size` elements, at least one each.
  func batches(of size: Int) -> [[Element]] {
    let size = Swift.max(1, size)
    return stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}

extension Sequence where Element: Hashable {
  /// Each element once, in the order in which they came first.
  func distinct() -> [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}
