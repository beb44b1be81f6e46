/// Offsets of glibc's `malloc` structures on 64-bit targets, from `malloc/malloc.c` and `malloc/arena.c`.
///
/// They do not move between 2.31 and 2.42, except that 2.43 dropped the fastbins from `malloc_state`.
struct GlibcLayout: Sendable, Hashable {
  /// `malloc_state` holds `have_fastchunks` and ten fastbins (up to 2.42).
  var hasFastbins: Bool

  static let withFastbins = GlibcLayout(hasFastbins: true)
  static let withoutFastbins = GlibcLayout(hasFastbins: false)
  static let all = [withFastbins, withoutFastbins]

  /// `bins`: 254 words, the anchor by which an arena is recognised.
  var bins: UInt64 { hasFastbins ? 112 : 24 }
  var top: UInt64 { bins - 16 }
  var next: UInt64 { bins + 2032 + 16 }
  var systemMemory: UInt64 { next + 24 }
  /// Size of `malloc_state`, in bytes.
  var size: UInt64 { next + 40 }
  static let fastbins: UInt64 = 16
  static let fastbinCount = 10
  /// Pairs of words in `bins`.
  static let binCount = 127
  /// `flags`: memory of the main arena did not come contiguously from `brk`.
  static let nonContiguous: UInt32 = 2
}

/// Flags and limits of a chunk (`malloc_chunk`: prev_size, size | flags, then the user's bytes).
enum Chunk {
  static let previousInUse: UInt64 = 1
  static let isMapped: UInt64 = 2
  static let nonMainArena: UInt64 = 4
  static let flagMask: UInt64 = 7
  /// Bytes from a chunk's address to what `malloc` returns.
  static let header: UInt64 = 16
  /// `MINSIZE`.
  static let smallest: UInt64 = 32
  /// Pages that the allocator rounds to; every target has at least these.
  static let page: UInt64 = 4096

  static func size(_ word: UInt64) -> UInt64 { word & ~flagMask }
  static func alignUp(_ value: UInt64, _ alignment: UInt64) -> UInt64 { (value &+ (alignment - 1)) & ~(alignment - 1) }
}
