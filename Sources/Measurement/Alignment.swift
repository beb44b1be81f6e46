extension String {
  /// With spaces in front, `width` characters; longer ones stay as they are.
  package func rightAligned(_ width: Int) -> String { String(repeating: " ", count: max(width - count, 0)) + self }

  /// The same with spaces behind.
  package func leftAligned(_ width: Int) -> String { self + String(repeating: " ", count: max(width - count, 0)) }
}
