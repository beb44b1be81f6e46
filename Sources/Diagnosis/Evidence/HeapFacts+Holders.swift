import HeapGraph

extension HeapFacts {
  /// Flattens the tree of holders into places.
  ///
  /// - Parameter share: places that keep less than this part of the reachable bytes are left out.
  public static func places(_ report: HolderReport) -> [Holder] {
    var places: [Holder] = []
    func add(_ node: HeapGraph.Holder, _ path: [String]) {
      let step = node.kind == .root || node.field.isEmpty ? node.name : node.field
      let own = path + [step]
      places.append(Holder(path: own, type: node.name, count: UInt64(max(node.count, 0)), retained: node.retainedBytes))
      guard places.count < 2000 else { return }
      for child in node.children { add(child, own) }
    }
    for root in report.holders { add(root, []) }
    return places
  }
}

/// Where growth hangs: the place whose own number stays while what it keeps becomes more.
struct GrowingPlace {
  /// `Store.shared.profiles`, for people.
  var name: String
  var growth: Int64
  var retained: UInt64
  /// What became more below it, and by how many.
  var content: String?
  var contentGrowth: Int64 = 0

  /// A child that has this part of its parent's growth is followed: the "big drop" of Eclipse MAT (its ratio is 0.7).
  private static let follow = 0.7

  /// O(places²) for some hundred places.
  static func find(_ first: HeapFacts, _ last: HeapFacts) -> GrowingPlace? {
    guard let before = first.holders, let after = last.holders else { return nil }
    let old = Dictionary(before.map { ($0.path, $0) }) { first, _ in first }
    func delta(_ place: HeapFacts.Holder) -> Int64 { Int64(place.retained) - Int64(old[place.path]?.retained ?? 0) }
    func more(_ place: HeapFacts.Holder) -> Int64 { Int64(place.count) - Int64(old[place.path]?.count ?? 0) }
    guard var current = after.filter({ $0.path.count == 1 }).max(by: { delta($0) < delta($1) }), delta(current) > 0
    else { return nil }
    var point = current
    var content: HeapFacts.Holder?
    while true {
      let children = after.filter {
        $0.path.count == current.path.count + 1 && Array($0.path.dropLast()) == current.path
      }
      guard let next = children.max(by: { delta($0) < delta($1) }),
        Double(delta(next)) >= follow * Double(delta(current))
      else { break }
      // New at the second snapshot but single: a container that was made anew when it grew.
      if more(next) > 1 {
        content = next
        break
      }
      point = next
      current = next
    }
    return GrowingPlace(
      name: title(point.path), growth: delta(point), retained: point.retained, content: content?.type,
      contentGrowth: content.map(more) ?? 0)
  }

  /// Fields are written behind what holds them, other steps with an arrow.
  static func title(_ path: [String]) -> String {
    path.reduce("") { text, step in
      text.isEmpty ? step : step.hasPrefix(".") || step.hasPrefix("[") ? text + step : text + " -> " + step
    }
  }
}
