/// A node of the tree of holders: blocks of one type that hang on their parent by one field, or a named root.
public struct Holder: Sendable, Hashable, Codable {
  /// What a holder is.
  public enum Kind: String, Sendable, Hashable, Codable {
    /// A variable, a frame, a table of the runtime: see `root`.
    case root
    /// Blocks to which several holders lead, none of which alone keeps them.
    case shared
    case blocks
  }

  public var kind: Kind
  /// The root's title, or the blocks' type.
  public var name: String
  public var root: NamedRoot?
  /// The field of the parent that leads here: `.offers`, `[value].offers`; empty where it has no name or there are several.
  public var field: String
  /// Blocks of this kind; 1 for a root.
  public var count: Int
  /// Bytes of these blocks themselves.
  public var ownBytes: UInt64
  /// Bytes that would go with them, their own included.
  public var retainedBytes: UInt64
  /// Of `retainedBytes`, those that nobody has written, which take no memory; nil where there are none or that was not looked at.
  public var unwrittenBytes: UInt64?
  /// For `shared`: the roots that lead here, up to three.
  public var heldBy: [String] = []
  /// For several `shared` blocks: the field by which most of them are held, elements of a container by the field that has it:
  /// `AsyncStream<Event>._Storage.state.pending[…]`. nil where no field holds most of them.
  public var sharedBy: String?
  public var container: ContainerSummary?
  /// Of actors that keep a queue of jobs.
  public var actors: ActorSummary?
  /// Of these blocks' sampled ones, the most frequent stacks; nil where none was sampled.
  public var allocatedIn: [AllocatedIn]?
  /// Largest first; those below the cut are only counted.
  public var children: [Holder] = []
  public var otherCount: Int = 0
  public var otherBytes: UInt64 = 0
  /// Address of one of the blocks, `0x…`.
  public var example: String?
}

extension [Holder] {
  /// Those that keep at least `cut` bytes, at every depth; the others are only counted.
  func pruned(below cut: UInt64, _ otherCount: inout Int, _ otherBytes: inout UInt64) -> [Holder] {
    var kept: [Holder] = []
    for var holder in self {
      guard holder.retainedBytes >= cut else {
        otherCount += holder.count
        otherBytes += holder.retainedBytes
        continue
      }
      holder.children = holder.children.pruned(below: cut, &holder.otherCount, &holder.otherBytes)
      kept.append(holder)
    }
    return kept
  }
}
