extension Int {
  /// Rounded up to a multiple of an alignment; one below 1 counts as 1.
  func aligned(to alignment: Int) -> Int {
    let alignment = Swift.max(1, alignment)
    return (self + alignment - 1) / alignment * alignment
  }
}
