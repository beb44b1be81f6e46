/// A type that knows what its values take on the heap, for example because it owns memory that no Swift type describes.
///
/// ```swift
/// extension Bitmap: MemorySized {
///   var heapBytes: Int { height * rowBytes }
/// }
/// ```
public protocol MemorySized {
  /// Bytes outside the value itself, as allocated. What is shared with other values should be left out.
  var heapBytes: Int { get }
}
