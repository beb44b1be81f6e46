/// Is shown the blocks that a walk finds, where they are too many to be kept.
public protocol BlockVisitor: AnyObject, Sendable {
  /// A walk begins; what was shown before was of one that failed, and does not count.
  func begin()
  /// The next blocks, some hundred at a time, mostly in the order of their addresses.
  func visit(_ blocks: UnsafeBufferPointer<BlockTable.Block>)
}
