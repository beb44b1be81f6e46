/// What is remembered of some keys for a while: of a bounded number, at a bounded price for each.
struct KeyNotes<Key: Hashable, Note> {
  private var notes: [Key: Note] = [:]
  /// Notes that found no room since the last time it was looked for.
  private var refused = 0
  private let maximum: Int

  init(maximum: Int) { self.maximum = maximum }

  subscript(key: Key) -> Note? { notes.isEmpty ? nil : notes[key] }

  mutating func remove(_ key: Key) { if !notes.isEmpty { notes[key] = nil } }

  /// Notes something. Where there is no room, notes that are no longer of use make some; if none is, it is not noted.
  ///
  /// All notes are looked at for that, so it is done once for a tenth of their number: where nothing has become useless, the next one that finds no room
  /// does not look again. Constant time on average.
  mutating func insert(_ note: Note, for key: Key, isOfUse: (Note) -> Bool) {
    if notes.count >= maximum, notes[key] == nil {
      refused += 1
      guard refused == 1 || refused > maximum / 10 else { return }
      notes = notes.filter { isOfUse($0.value) }
      refused = notes.count < maximum ? 0 : 1
      guard refused == 0 else { return }
    }
    notes[key] = note
  }
}
