import SwiftMetadata

/// Unreachable blocks that one change in the program would free: all instances of one shape.
public struct LeakGroup: Sendable, Hashable {
  static let mostExamples = 5

  /// What is at the top of the leak.
  public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
    /// Objects that refer to each other in a ring.
    case cycle
    /// A task that is suspended and that nothing can resume any more.
    case lostTask
    /// An object to which no pointer is left, with what hangs on it.
    case chain
    /// Memory without a Swift type.
    case native
  }

  /// How sure a statement is. Ordered.
  public enum Confidence: String, Sendable, Hashable, Codable, CaseIterable, Comparable {
    case possible, likely, certain

    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
    private var rank: Int {
      switch self {
      case .possible: 0
      case .likely: 1
      case .certain: 2
      }
    }
    /// One step less sure.
    var lowered: Confidence { self == .certain ? .likely : .possible }
  }

  /// One block of a ring and the field by which it holds the next.
  public struct Step: Sendable, Hashable, Codable {
    public var type: String
    /// `onClose`, `callbacks[…]`; empty where the reference has no name.
    public var field: String
    /// The field is a closure, and what it leads to is captured: a closure that captures one object alone has no context of its own.
    public var isClosure: Bool
    /// A class of the program's own module: its fields are the program's to change.
    public var isOwn: Bool

    public init(type: String, field: String, isClosure: Bool = false, isOwn: Bool = false) {
      self.type = type
      self.field = field
      self.isClosure = isClosure
      self.isOwn = isOwn
    }

    /// `Session.onClose`.
    public var text: String { field.isEmpty || field.hasPrefix("[") ? type + field : type + "." + field }
  }

  /// What a group is made of.
  public struct Content: Sendable, Hashable, Codable {
    public var type: String
    public var kind: ObjectType.Kind
    public var count: Int
    public var bytes: UInt64

    public init(type: String, kind: ObjectType.Kind, count: Int, bytes: UInt64) {
      self.type = type
      self.kind = kind
      self.count = count
      self.bytes = bytes
    }

    mutating func add(_ size: UInt64) {
      count += 1
      bytes += size
    }
  }

  public var kind: Kind
  /// The ring or the topmost block in a developer's words: `Session.onClose -> closure context -> Session`.
  public var title: String
  /// The ring in order, each step leading to the next and the last to the first; one step for any other kind.
  public var steps: [Step]
  /// For a lost task: the async function that it waits in, innermost first, then its callers.
  public var waitsIn: [String]
  /// The function of the standard library that it called, and that waits.
  public var waitsFor: String?
  /// Top components of this shape: rings, tasks, topmost blocks.
  public var instances: Int
  /// All blocks of the group, what hangs on the top included.
  public var blocks: Int
  /// Their usable bytes.
  public var bytes: UInt64
  /// Largest first.
  public var contents: [Content]
  /// Addresses of some top blocks, `mostExamples` at most.
  public var examples: [UInt64]
  public var confidence: Confidence
  /// False where there was no room to follow the references among the unreachable blocks: then a group is all of them of one type, whether they hold
  /// each other, hang on others or are alone.
  public var isFollowed = true
  /// Of the blocks that were sampled, the most frequent stacks.
  public var allocatedIn: [AllocatedIn] = []
  /// Of a cycle whose objects are all of another module than the program's: that module. Nil where one is of the program's own, where closures
  /// are in the cycle, whose code may be the program's, and where it is not known which module that is.
  public var library: String?

  public init(
    kind: Kind, title: String, steps: [Step], waitsIn: [String] = [], instances: Int, blocks: Int, bytes: UInt64,
    contents: [Content], examples: [UInt64], confidence: Confidence
  ) {
    self.kind = kind
    self.title = title
    self.steps = steps
    self.waitsIn = waitsIn
    self.instances = instances
    self.blocks = blocks
    self.bytes = bytes
    self.contents = contents
    self.examples = examples
    self.confidence = confidence
  }
}
