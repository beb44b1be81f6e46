/// Tells hashes that surely occur once from those that may occur more often, in 16 bits each: of the first nobody has to keep a set, which
/// would take 8 to 20 bytes each.
///
/// A Bloom filter of one function, with a second bit for what came again (B. H. Bloom, "Space/time trade-offs in hash coding with allowable
/// errors", Communications of the ACM 13, 1970). Every eighth hash that occurs once shares its place with another one.
struct RepeatFilter {
  private static let placesPerHash = 8
  private let once: Bitmap
  private let again: Bitmap
  private let places: UInt64

  /// - Parameter count: of hashes that will be added, about.
  init(count: Int) {
    places = UInt64(max(count, 1) * Self.placesPerHash)
    once = Bitmap(count: Int(places))
    again = Bitmap(count: Int(places))
  }

  func add(_ hash: UInt64) {
    let place = place(hash)
    if !once.insertIfAbsent(place) { again.insert(place) }
  }

  /// For who will soon add a hash, or ask for it.
  @inline(__always)
  func prefetch(_ hash: UInt64) {
    let place = place(hash)
    once.prefetch(place)
    again.prefetch(place)
  }

  /// False only where all that were added had other hashes, but for one.
  func mayRepeat(_ hash: UInt64) -> Bool { again.contains(place(hash)) }

  /// Scaled by the high half of a product instead of a division (D. Lemire, "Fast random integer generation in an interval", ACM TOMACS 29,
  /// 2019): all bits of a hash are equally good.
  private func place(_ hash: UInt64) -> Int { Int(hash.multipliedFullWidth(by: places).high) }
}
