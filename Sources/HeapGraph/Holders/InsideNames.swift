/// Which types are a library's insides, by the custom of naming.
public enum InsideNames {
  /// The last part of the type's name begins with an underscore, as libraries call what they keep to themselves: `Foundation.__DataStorage`,
  /// `Deque<Job>._Storage`. O(length).
  public static func isInside(_ type: String) -> Bool {
    var depth = 0
    var start = type.startIndex
    for index in type.indices {
      switch type[index] {
      case "<": depth += 1
      case ">": depth -= 1
      case "." where depth == 0: start = type.index(after: index)
      default: break
      }
    }
    return type[start...].hasPrefix("_")
  }
}
