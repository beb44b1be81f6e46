#if Redis
  import LocalCache
  import Synchronization

  /// How many names one command asks for: an answer that takes more than `maximumAnswer` ends its connection, with all that waits there.
  ///
  /// As many as the caller wants, until an answer took more than half of what it may. Fewer then, and more again where answers become small.
  struct RedisParts: ~Copyable, Sendable {
    private let maximum: Int
    private let most = Atomic<Int>(.max)

    init(maximum: Int) { self.maximum = maximum }

    /// The names, in parts for a command each.
    func divide(_ names: [String]) -> [ArraySlice<String>] {
      let size = min(most.load(ordering: .relaxed), max(1, names.count))
      return stride(from: 0, to: names.count, by: size).map { names[$0..<min($0 + size, names.count)] }
    }

    /// The answer to so many names took so many bytes.
    func answered(names: Int, bytes: Int) {
      if bytes > maximum / 2 {
        most.min(max(1, names / 2), ordering: .relaxed)
      } else if bytes < maximum / 8, names >= most.load(ordering: .relaxed) {
        most.max(names * 2, ordering: .relaxed)
      }
    }

    /// It was too large, nobody knows by how much.
    func failed(names: Int) { most.min(max(1, names / 4), ordering: .relaxed) }
  }
#endif
