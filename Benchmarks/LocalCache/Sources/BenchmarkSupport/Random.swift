/// A fast generator of pseudo-random numbers (Marsaglia's xorshift, 2003).
public struct Random {
  @usableFromInline var state: UInt64

  public init(state: UInt64 = 88_172_645_463_325_252) { self.state = state }

  @inlinable
  public mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}
