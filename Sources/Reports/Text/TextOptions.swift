/// How much of an answer is written as text.
public struct TextOptions: Sendable, Hashable {
  /// Rows a table may have.
  public var limit: Int
  /// All self-checks, arenas, phases and notes.
  public var verbose: Bool
  /// The answer and nothing else.
  public var quiet: Bool
  public var showAddresses: Bool

  public init(limit: Int = 20, verbose: Bool = false, quiet: Bool = false, showAddresses: Bool = false) {
    self.limit = max(limit, 1)
    self.verbose = verbose
    self.quiet = quiet
    self.showAddresses = showAddresses
  }
}
