import HeapGraph
import Measurement

/// Shapes of growth in Swift programs that surprise, each with its own fix.
struct CollectionPattern {
  /// What the place is, where its own name does not say it: `timers of libdispatch`.
  var subject: String?
  var evidence: String
  var advice: String
  var overturnedBy: String

  static func find(_ place: GrowingPlace, _ growth: HeapGrowth) -> CollectionPattern? {
    weakBoxes(place, growth) ?? slices(place) ?? waiting(place)
  }

  /// A weak reference to an object that is gone keeps a side table; the box around it stays in the collection.
  private static func weakBoxes(_ place: GrowingPlace, _ growth: HeapGrowth) -> CollectionPattern? {
    let tables = growth.rows.first { $0.kind == "sideTable" }?.count ?? 0
    let more = entries(place)
    guard more >= 100, Double(tables) >= 0.7 * Double(more), Double(tables) <= 1.5 * Double(more) else { return nil }
    return CollectionPattern(
      evidence:
        "\(Say.count(tables)) more side tables of weak references came with \(Say.count(more)) more entries: boxes whose object may be gone",
      advice:
        "remove the empty boxes of \(place.name): a weak reference becomes nil but its box stays (`removeAll { $0.object == nil }` when adding), or take the entry out in the object's deinit",
      overturnedBy: "the objects behind the weak references are alive: then they are what grows")
  }

  /// What to do about views that keep the buffers they were cut from.
  static let copyOut =
    "copy what is kept out of its buffer: `Array(slice)`, `String(substring)`, `Data(slice)`; then the buffer can go"

  private static let views: Set<String> = [
    "ArraySlice", "Slice", "Substring", "Substring.UTF8View", "Data", "ByteBuffer", "NIOCore.ByteBuffer",
  ]

  /// The view that an element is, without what it is a view of; nil for other types.
  static func view(_ element: String) -> String? {
    var name = element[...]
    if name.hasSuffix("?") { name = name.dropLast() }
    if name.hasPrefix("Optional<"), name.hasSuffix(">") { name = name.dropFirst(9).dropLast() }
    let head = String(name.prefix { $0 != "<" })
    // `[String : Data]` and `Item<Data>` are no views, whatever is in them.
    return views.contains(head) ? head : nil
  }

  /// A slice refers to the whole buffer it was cut from.
  private static func slices(_ place: GrowingPlace) -> CollectionPattern? {
    guard let now = place.after else { return nil }
    let element = now.valueType ?? now.keyType ?? ""
    guard let view = Self.view(element), now.entries > 0, entries(place) > 0 else {
      return nil
    }
    let behind = now.behindBytes / now.entries
    // Otherwise what is behind may well be all in use.
    guard view.hasSuffix("Data") || view.hasSuffix("ByteBuffer") ? behind >= 4096 : behind >= 256 else { return nil }
    return CollectionPattern(
      evidence:
        "its elements are \(element), a view: each keeps the whole buffer it was cut from, \(Say.bytes(behind)) on the average, however short it is",
      advice: copyOut,
      overturnedBy: "the views are nearly as long as their buffers")
  }

  static func entries(_ place: GrowingPlace) -> Int64 {
    if let now = place.after { return Int64(now.entries) - Int64(place.before?.entries ?? 0) }
    return place.contentGrowth
  }
}
