import HeapGraph
import Measurement

/// Views that show a part of a buffer and keep all of it, by what was counted and not by their type: most `Data` and most `ByteBuffer`s are whole.
extension CollectionPattern {
  /// What to do about views that keep the buffers they were cut from.
  static let copyOut =
    "copy what is kept out of its buffer: `Array(slice)`, `String(substring)`, `Data(slice)`; then the buffer can go"

  /// Types of views that are counted with their buffers, and as what.
  private static let counted: [String: BufferViewKind] = [
    "ArraySlice": .arraySlice, "Substring": .substring, "Data": .data, "Foundation.Data": .data,
    "FoundationEssentials.Data": .data, "ByteBuffer": .byteBuffer, "NIOCore.ByteBuffer": .byteBuffer,
  ]

  private static let match = "Regex.Match"
  /// Types of views that are not.
  private static let uncounted: Set<String> = ["Slice", "Substring.UTF8View"]

  /// The view that an element is, without what it is a view of; nil for other types.
  static func view(_ element: String) -> String? {
    let whole = unwrapped(element)
    let head = String(whole.prefix { $0 != "<" })
    // A match keeps the text that was searched, beside its captures.
    if head == "Regex" || head == "_StringProcessing.Regex" { return whole.hasSuffix(">.Match") ? match : nil }
    // `[String : Data]` and `Item<Data>` are no views, whatever is in them.
    return counted[head] != nil || uncounted.contains(head) ? head : nil
  }

  /// Bytes behind each of them from which on it matters which part they show.
  private static let fewest: UInt64 = 256

  /// Slices in the growing collection, each of which keeps a buffer of which it shows less than half.
  static func slices(_ place: GrowingPlace, _ waste: WasteReport?) -> CollectionPattern? {
    guard let now = place.after, now.entries > 0, entries(place) > 0,
      let element = now.valueType ?? now.keyType, let view = view(element), now.behindBytes / now.entries >= fewest
    else { return nil }
    let part: String
    if let kind = counted[view], let waste {
      let found = waste.pinned.filter { $0.kind == kind && $0.place.contains(element) }
      let shown = found.reduce(UInt64(0)) { $0 &+ $1.shownBytes }
      let kept = found.reduce(UInt64(0)) { $0 &+ $1.pinnedBytes }
      let count = found.reduce(0) { $0 + $1.views }
      guard UInt64(clamping: count) >= now.entries / 2, kept / 2 >= shown else { return nil }
      part = "\(Say.count(count)) of them show \(Say.bytes(shown)) and keep \(Say.bytes(kept))"
    } else {
      // Not counted: then only what is never whole.
      guard view.hasSuffix("Slice") || view.hasPrefix("Substring") || view == match else { return nil }
      part = "\(Say.bytes(now.behindBytes / now.entries)) on the average, however short it is"
    }
    return CollectionPattern(
      evidence: "its elements are \(element), a view: each keeps the whole buffer it was cut from; \(part)",
      advice: copyOut, overturnedBy: "the views are nearly as long as their buffers")
  }
}
