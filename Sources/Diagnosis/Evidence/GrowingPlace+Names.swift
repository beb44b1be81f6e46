import HeapGraph

/// What a place is called, from the steps of its path.
extension GrowingPlace {
  /// `[Session] storage` of `sessions : [Session]`, to which a word on a stack leads as well; arrays of objects are all of one class.
  private static func isStorage(_ step: String, ofVariable title: String) -> Bool {
    guard let colon = title.firstRange(of: " : ") else { return false }
    let type = title[colon.upperBound...]
    return step == type + " storage" || (type + " storage").hasSuffix("." + step)
      || step == "[AnyObject] storage" && type.hasPrefix("[") && !type.contains(" : ")
  }

  /// The same of what lies right below a variable that is an array, a dictionary or a set, or a `Mutex` of one: no other storage is there.
  /// `ContiguousArray<Row>` has `[Row] storage`, and `[any Sendable]` what the run time calls `[Any] storage`.
  private static func isOnlyStorage(_ path: [String]) -> Bool {
    guard path.count == 2, let colon = path[0].firstRange(of: " : ") else { return false }
    var type = path[0][colon.upperBound...]
    if let mutex = type.firstRange(of: "Mutex<"), type[..<mutex.lowerBound].allSatisfy({ $0.isLetter || $0 == "." }) {
      type = type[mutex.upperBound...].dropLast()
    }
    func shape(_ name: Substring) -> String? {
      if name.hasPrefix("[") { return name.contains(" : ") ? "dictionary" : "array" }
      return name.hasPrefix("ContiguousArray<") ? "array" : name.hasPrefix("Set<") ? "set" : nil
    }
    return shape(type).map { $0 == shape(path[1][...]) } ?? false
  }

  /// Fields are written behind the variable; types in between are left out, since the fields say it. A frame of a stack says less than
  /// the object in it.
  static func title(
    _ path: [String], _ root: NamedRoot.Kind?, _ owner: String?, _ heldBy: String? = nil, _ content: String? = nil
  ) -> String {
    let fields = path.dropFirst().filter(isField).joined()
    let top = withoutType(path.first ?? "")
    switch root {
    case .stack, .threadLocal, .anonymous, .runtime, .unowned:
      if let heldBy, let owner { return withoutType(heldBy) + " -> " + owner }
      // Right below the frame, what became more there says what it is.
      let inside = path.count == 1 ? content.flatMap { isUntyped($0) ? nil : $0 } : nil
      let before = path.dropFirst().first { !isField($0) && !isUntyped($0) } ?? inside
      guard let owner = owner ?? before.map({ $0 + fields }) else { return top + fields }
      return (before.map { $0.hasSuffix(" storage") ? owner : $0 + fields } ?? owner) + " (\(top))"
    case .global, .native:
      guard fields.isEmpty, path.count > 1 else { return top + fields }
      // A variable may have several containers of which no field is known: those of a `Mutex` of a struct.
      let container = path.last.flatMap {
        isStorage($0) && !isStorage($0, ofVariable: path[0]) && !isOnlyStorage(path) ? $0 : nil
      }
      return top + ((owner ?? container).map { " -> \($0)" } ?? "")
    // Several roots lead there, none of which alone keeps it.
    case nil:
      // Without a field on the way the last type says most, if it is one.
      let last = path.last { !isUntyped($0) }
      if let heldBy, owner == nil, fields.isEmpty, last == nil { return withoutType(heldBy) }
      if let heldBy, owner == nil, path.count == 1, let last, isStorage(last, ofVariable: heldBy) {
        return withoutType(heldBy)
      }
      let end = fields.isEmpty ? withoutType(last ?? path.last ?? "") : top + fields
      return (heldBy.map { withoutType($0) + " -> " } ?? "") + (owner ?? end)
    }
  }

  /// `cache : [Int64 : Cached]` without what follows the colon, `static Store.shared` without what comes before.
  static func withoutType(_ root: String) -> String {
    // The type of a dictionary has a colon of its own.
    guard !root.hasPrefix("[") else { return root }
    let name = root.firstRange(of: " : ").map { root[..<$0.lowerBound] } ?? root[...]
    return String(name.hasPrefix("static ") ? name.dropFirst(7) : name)
  }
}
