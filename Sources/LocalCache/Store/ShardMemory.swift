/// Tables that a shard does not need any more, and that are freed when this ends: after the shard's lock is free.
///
/// To free a large block takes glibc's malloc as long as there are small ones that were freed and not yet put together with their neighbours
/// (`malloc_consolidate`): half a second after a million of them. Who wants the shard must not wait for that.
@usableFromInline
final class ShardMemory {
  private let index: UnsafeMutablePointer<UInt32>
  private let chunks: NodePool.Chunks?
  private let wheel: TimerWheel?
  private let next: ShardMemory?

  /// - Parameter next: what ends with it.
  init(index: UnsafeMutablePointer<UInt32>, chunks: NodePool.Chunks?, wheel: TimerWheel?, next: ShardMemory?) {
    self.index = index
    self.chunks = chunks
    self.wheel = wheel
    self.next = next
  }

  deinit {
    index.deallocate()
    chunks?.deallocate()
  }
}
