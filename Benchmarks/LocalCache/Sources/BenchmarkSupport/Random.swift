/// A fast generator of pseudo-random numbers (Marsaglia's xorshift, 2003).
public struct Random {
  @usableFromInline var state: UInt64

  public init(state: UInt64 = 88_172_645_463_325_252) { self.state = state }

  /// For one slice of one thread's work: other numbers than any other slice has.
  public init(thread: Int = 0, slice: Int) {
    self.init(state: 88_172_645_463_325_252 + UInt64(thread * 7919 + slice * 104_729))
  }

  @inlinable
  public mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}
