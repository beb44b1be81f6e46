/// Notes on their way to the log, 80 bytes: part of the cell of each thread.
///
/// The log has one lock. With a buffer in between, threads meet there once in nine notes, not at each. All notes of a thread wait in the same
/// buffer, whichever way it read or wrote, because their order matters. Those of a thread that does nothing any more stay until its cell is used
/// again: the log then lacks a few of the thousands of accesses that it holds, or gets them late, which moves no figure by more than chance does.
@usableFromInline
struct NoteBuffer: ~Copyable {
  static let capacity = 9

  private var count = 0
  /// Words of `AccessNote`.
  private var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (
    0, 0, 0, 0, 0, 0, 0, 0, 0
  )

  @usableFromInline init() {}

  var isFull: Bool { count == Self.capacity }

  /// A note behind the others. A full buffer takes none.
  @inline(__always)
  mutating func append(_ note: AccessNote) {
    guard UInt(bitPattern: count) < UInt(Self.capacity) else { return }
    withUnsafeMutableBytes(of: &words) { $0.storeBytes(of: note.word, toByteOffset: count &* 8, as: UInt64.self) }
    count &+= 1
  }

  /// Gives the notes in their order, and forgets them.
  mutating func drain(_ body: (AccessNote) -> Void) {
    let filled = count
    count = 0
    withUnsafeBytes(of: &words) { bytes in
      for index in 0..<filled { body(AccessNote(word: bytes.load(fromByteOffset: index * 8, as: UInt64.self))) }
    }
  }
}

extension ReaderCell {
  /// The buffer of a cell, by address: a change of `cell.pointee.notes` counts as one of the cell's beginning for the thread sanitizer, and that
  /// is read by others. The buffer is the last field.
  static func notes(of cell: UnsafeMutablePointer<ReaderCell>) -> UnsafeMutablePointer<NoteBuffer> {
    let offset = MemoryLayout<ReaderCell>.size - MemoryLayout<NoteBuffer>.size
    return (UnsafeMutableRawPointer(cell) + offset).assumingMemoryBound(to: NoteBuffer.self)
  }
}
