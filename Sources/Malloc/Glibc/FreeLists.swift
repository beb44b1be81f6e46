import ProcessImage

/// How `malloc` stores the link of a singly linked free list.
enum LinkEncoding: Sendable, Hashable {
  /// Up to 2.31: the plain pointer.
  case plain
  /// 2.32 on ("safe linking"): pointer ^ (address of the field >> 12). List heads stay plain.
  case protected

  @inline(__always)
  func decode(_ stored: UInt64, at address: UInt64) -> UInt64 {
    self == .plain ? stored : stored ^ (address >> 12)
  }
}

/// Follows fastbins and thread cache lists. Every list is bounded and checked for cycles.
struct FreeLists {
  let space: AddressSpace
  let cache: PageCache

  /// One list as far as it could be followed.
  struct List: Sendable, Hashable {
    /// Addresses of the chunks (not of the user's bytes).
    var chunks: [UInt64] = []
    /// It ended in a null link within the bound.
    var isComplete = false
  }

  /// What a list's links point to.
  enum Links: Sendable, Hashable {
    /// Thread caches: the user's first byte, where the link itself lies.
    case users
    /// Fastbins: the chunk; the link lies 16 bytes behind its start.
    case chunks
  }

  /// First entry of a list.
  struct Head: Sendable, Hashable {
    var first: UInt64
    var links: Links
  }

  /// Follows a list for at most `limit` entries. O(length), two reads an entry.
  func follow(_ head: Head, encoding: LinkEncoding, limit: Int) -> List {
    let toChunk = head.links == .users ? Chunk.header : 0
    var list = List()
    var address = head.first
    // Brent's algorithm: compare with a checkpoint that moves at powers of two.
    var checkpoint = address
    var untilCheckpoint = 2
    var steps = 0
    while address != 0 {
      let chunk = address &- toChunk
      let field = chunk &+ Chunk.header
      guard list.chunks.count < limit, isChunk(chunk), let stored = cache.word(field) else { return list }
      list.chunks.append(chunk)
      address = encoding.decode(stored, at: field)
      if address == checkpoint { return list }
      steps += 1
      if steps == untilCheckpoint {
        checkpoint = address
        untilCheckpoint = untilCheckpoint &* 2
        steps = 0
      }
    }
    list.isComplete = true
    return list
  }

  private func isChunk(_ chunk: UInt64) -> Bool {
    guard chunk & 15 == 0, space.contains(chunk, count: Chunk.smallest), let word = cache.word(chunk &+ 8) else {
      return false
    }
    return Chunk.size(word) >= Chunk.smallest && Chunk.size(word) & 15 == 0
  }

  /// Which encoding the lists use, by trying both. Protected where nothing tells.
  func encoding(of heads: [Head]) -> LinkEncoding {
    var plain = 0
    var protected = 0
    for head in heads.prefix(256) {
      if follow(head, encoding: .plain, limit: 4096).isComplete { plain += 1 }
      if follow(head, encoding: .protected, limit: 4096).isComplete { protected += 1 }
    }
    return plain > protected ? .plain : .protected
  }
}
