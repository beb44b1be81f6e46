/// Index of an interned string; 0 is the empty one.
public typealias StringID = UInt32

/// Interned strings: equal texts have equal ids, so that names are compared and hashed as numbers.
public struct StringTable: Sendable {
  public private(set) var texts: [String] = [""]
  private var ids: [String: StringID] = ["": 0]

  public init() {}

  /// The id of `text`, new or known. Amortised O(length).
  public mutating func intern(_ text: String) -> StringID {
    if let known = ids[text] { return known }
    let id = StringID(truncatingIfNeeded: texts.count)
    texts.append(text)
    ids[text] = id
    return id
  }

  /// The id of `text` if it is known.
  public func id(of text: String) -> StringID? { ids[text] }

  /// Empty for an id that was never given out.
  public subscript(_ id: StringID) -> String {
    let index = Int(id)
    return index < texts.count ? texts[index] : ""
  }

  public var count: Int { texts.count }
}
