/// A class of a library that may grow: whoever derives from it learns its size when the program starts.
open class Shape {
  public var next: Shape?
  public let name: String
  public init(_ number: Int) { name = "a shape with a name that needs the heap, \(number)" }
}
