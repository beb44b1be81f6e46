extension BlockTable {
  /// A few hundred blocks on their way into a builder.
  struct Batch: ~Copyable {
    private let memory: UnsafeMutablePointer<Block>
    private var count = 0
    private static var capacity: Int { 512 }

    init() { memory = .allocate(capacity: Self.capacity) }

    deinit { memory.deallocate() }

    @inline(__always)
    mutating func append(_ block: Block, into builder: inout Builder) {
      if count == Self.capacity { flush(into: &builder) }
      (memory + count).initialize(to: block)
      count &+= 1
    }

    mutating func flush(into builder: inout Builder) {
      builder.append(UnsafeBufferPointer(start: memory, count: count))
      count = 0
    }
  }
}
