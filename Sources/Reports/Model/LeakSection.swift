extension ReportModel {
  /// How sure a statement is. Ordered.
  public enum Certainty: String, Codable, Hashable, Sendable, CaseIterable, Comparable {
    case none, possible, likely, certain

    public static func < (left: Certainty, right: Certainty) -> Bool {
      let order = Self.allCases
      return (order.firstIndex(of: left) ?? 0) < (order.firstIndex(of: right) ?? 0)
    }
  }

  /// Blocks to which no pointer was found.
  public struct Leaks: Codable, Hashable, Sendable {
    /// False where the image does not allow a statement; then `reason` says why and there are no groups.
    public var isJudged: Bool
    public var reason: String?
    /// Sums over `groups`.
    public var blocks: UInt64
    public var bytes: UInt64
    /// What a developer would fix one at a time, most bytes first.
    public var groups: [LeakGroup]
    /// What a suppressions file took away.
    public var suppressed: Suppressed

    public init(groups: [LeakGroup], suppressed: Suppressed = Suppressed()) {
      self.isJudged = true
      self.reason = nil
      self.groups = groups
      self.suppressed = suppressed
      self.blocks = groups.reduce(0) { $0 &+ $1.blocks }
      self.bytes = groups.reduce(0) { $0 &+ $1.bytes }
    }

    private init(reason: String) {
      self.isJudged = false
      self.reason = reason
      self.blocks = 0
      self.bytes = 0
      self.groups = []
      self.suppressed = Suppressed()
    }

    /// No statement: `reason` is a clause such as "the process went on running while it was read".
    public static func notJudged(_ reason: String) -> Leaks { Leaks(reason: reason) }

    /// The surest statement among the groups.
    public var certainty: Certainty { groups.map(\.certainty).max() ?? .none }
  }

  /// Leaks that a suppressions file accepts.
  public struct Suppressed: Codable, Hashable, Sendable {
    public var groups: UInt64
    public var blocks: UInt64
    public var bytes: UInt64
    /// Lines of the file that matched nothing.
    public var unusedRules: [String]

    public init(groups: UInt64 = 0, blocks: UInt64 = 0, bytes: UInt64 = 0, unusedRules: [String] = []) {
      self.groups = groups
      self.blocks = blocks
      self.bytes = bytes
      self.unusedRules = unusedRules
    }
  }

  /// Leaked blocks with one cause: the same shape, found `instances` times.
  public struct LeakGroup: Codable, Hashable, Sendable {
    /// What is at the top of the leak.
    public enum Kind: String, Codable, Hashable, Sendable {
      /// Objects that hold each other.
      case cycle
      /// A task that nothing can resume any more, with all it holds.
      case lostTask
      /// Blocks that hang on one topmost block to which nothing points.
      case chain
      /// Blocks without a Swift type.
      case native
    }

    public var kind: Kind
    public var certainty: Certainty
    /// Type of the block to name first: a member of the cycle, the task, the topmost block.
    public var type: String
    /// How often this shape was found.
    public var instances: UInt64
    public var blocks: UInt64
    public var bytes: UInt64
    /// The references that make up the cycle, or lead down from the topmost block.
    public var edges: [Edge]
    /// Further evidence, a line each.
    public var evidence: [String]
    /// The async function a lost task waits in.
    public var waitsIn: String?
    /// The function of the standard library that it called there, and that waits.
    public var waitsFor: String?
    /// The module to which all objects of a cycle belong, where it is not the program's own.
    public var library: String?
    /// False where there was no room to see how these blocks hold each other: then they have nothing but their type in common. Else absent.
    public var isFollowed: Bool?
    /// What else goes with it: the types of all its blocks, most bytes first.
    public var members: [CensusRow]
    /// A few of the blocks, as `0x…`.
    public var exampleAddresses: [String]
    /// The same for the same cause in every run: what a suppression can name. 16 hex digits.
    public var fingerprint: String

    public init(
      kind: Kind, certainty: Certainty = .certain, type: String, instances: UInt64, blocks: UInt64, bytes: UInt64,
      edges: [Edge] = [], evidence: [String] = [], waitsIn: String? = nil, members: [CensusRow] = [],
      exampleAddresses: [String] = []
    ) {
      self.kind = kind
      self.certainty = certainty
      self.type = type
      self.instances = instances
      self.blocks = blocks
      self.bytes = bytes
      self.edges = edges
      self.evidence = evidence
      self.waitsIn = waitsIn
      self.members = members
      self.exampleAddresses = exampleAddresses
      self.fingerprint = Fingerprint.of(kind: kind, type: type, edges: edges, waitsIn: waitsIn)
    }

    /// `Session.onClose -> closure context -> Session`: the edges as one line, or the type alone.
    public var title: String {
      var result = ""
      for edge in edges {
        if result.isEmpty {
          result = edge.source
        } else if !result.hasSuffix(" -> \(edge.source)") {
          result += "; \(edge.source)"
        }
        result += "\(edge.fieldSuffix) -> \(edge.target)"
      }
      return result.isEmpty ? type : result
    }
  }

  /// One reference between two blocks.
  public struct Edge: Codable, Hashable, Sendable {
    /// Type of the block that refers.
    public var source: String
    /// Field path inside it; empty where it has no name.
    public var field: String
    /// Type of the block that is referred to.
    public var target: String
    /// true where the field is a closure that captures `target`.
    public var isClosure: Bool?
    /// true where `source` is a class of the program's own module.
    public var isOwn: Bool?

    public init(source: String, field: String, target: String, isClosure: Bool = false, isOwn: Bool = false) {
      self.source = source
      self.field = field
      self.target = target
      self.isClosure = isClosure ? true : nil
      self.isOwn = isOwn ? true : nil
    }

    var fieldSuffix: String {
      if field.isEmpty { return "" }
      return field.hasPrefix("[") ? field : ".\(field)"
    }
  }
}
