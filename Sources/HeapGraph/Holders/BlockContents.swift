import Malloc
import ProcessImage
import SwiftMetadata

/// Hashes of what blocks hold, so that equal values are found wherever they lie.
///
/// Only what a type really occupies counts: elements up to the count, occupied buckets in any order, fields without reference counts. A
/// reference counts as the content of what it refers to, to a bounded depth. Blocks of unknown layout have no hash.
struct BlockContents: @unchecked Sendable {
  // Windows are used, and hashes written, by `hashAll` alone, which ends before anybody else has it.

  private let references: HeapReferences
  /// For blocks that are asked for one behind the other.
  private let window: MemoryWindow
  /// For what they refer to, which lies anywhere; that must not move the window, or each block would be read by itself.
  private let pages: PagedMemory
  private let dataBytes: DataBytes
  /// 0 not asked yet, 1 no hash, else the hash.
  private let known: FlatArray<UInt64>
  private static let none: UInt64 = 1

  /// How far a hash goes for what a block refers to.
  private enum Reach {
    /// Takes what is known already.
    case known
    /// Works out what is not, itself at the end of so many references.
    case deep(Int)
  }

  private enum Outcome {
    case hash(UInt64)
    /// The block cannot be compared.
    case none
    /// What it refers to is not known yet.
    case later
  }

  /// References that are followed from one block.
  private static let deepest = 6
  /// Passes over all blocks that take what is known, and the part of the open blocks that one must settle to be followed by another.
  private static let mostPasses = 4
  private static let leastSettled = 8
  /// Larger blocks are not compared, in bytes.
  private static let largest: UInt64 = 512 << 10

  private var heap: TypedHeap { references.heap }

  /// A block's words, where they were read: in the window, which does not move while the block is looked at, or in a copy.
  private struct Words {
    let window: MemoryWindow?
    let start: UInt64
    let copied: [UInt64]
    let count: Int

    @inline(__always)
    subscript(index: Int) -> UInt64 {
      guard let window else { return copied[index] }
      precondition(index >= 0 && index < count)
      return window.word(start &+ UInt64(index) &* 8)
    }
  }

  /// With the hash of every block of which `isWanted` says so.
  static func hashed(
    _ references: HeapReferences, where isWanted: (Int) -> Bool
  ) throws(MemoryError) -> BlockContents {
    let contents = BlockContents(references)
    try contents.hashAll(where: isWanted)
    return contents
  }

  private init(_ references: HeapReferences) {
    self.references = references
    window = MemoryWindow(references.memory)
    pages = PagedMemory(references.memory)
    dataBytes = DataBytes(references)
    known = FlatArray(repeating: 0, count: references.heap.blocks.count)
  }

  /// Works out the hash of every block of which `isAsked` says so. O(bytes of these blocks), four times at most.
  ///
  /// In the order of addresses, where neighbours are read together: first what refers to nothing, then what refers to that. Following each
  /// reference where it stands would read a page for every element of an array whose objects lie anywhere.
  private func hashAll(where isAsked: (Int) -> Bool) throws(MemoryError) {
    var open = (0..<heap.blocks.count).lazy.filter(isAsked).count
    for _ in 0..<Self.mostPasses where open > 0 {
      var settled = 0
      for block in 0..<heap.blocks.count where known[block] == 0 && isAsked(block) {
        if case .later = try outcome(block, .known) { continue }
        settled += 1
      }
      open -= settled
      if settled < open / Self.leastSettled { break }
    }
    guard open > 0 else { return }
    for block in 0..<heap.blocks.count where known[block] == 0 && isAsked(block) { _ = try outcome(block, .deep(0)) }
  }

  /// What `hashAll` has found; nil where the block cannot be compared, and for a number that is no block's.
  func hash(_ block: Int) -> UInt64? {
    guard block < known.count else { return nil }
    return known[block] > Self.none ? known[block] : nil
  }

  private func outcome(_ block: Int, _ reach: Reach) throws(MemoryError) -> Outcome {
    let cached = known[block]
    if cached != 0 { return cached == Self.none ? .none : .hash(cached) }
    guard heap.blocks.size(block) <= Self.largest else {
      known[block] = Self.none
      return .none
    }
    switch reach {
    case .known: break
    case .deep(Self.deepest...): return .none
    // Ends cycles: what refers to itself is compared with nothing.
    case .deep: known[block] = Self.none
    }
    let outcome = try compute(block, reach)
    switch outcome {
    case .hash(let hash): known[block] = max(hash, Self.none + 1)
    case .none: known[block] = Self.none
    case .later: break
    }
    return outcome
  }

  /// The block's words; nil where they cannot be read.
  private func words(_ block: Int, bytes: UInt64, isNear: Bool) throws(MemoryError) -> Words? {
    let address = heap.blocks.address(block)
    let end = address + min(bytes, heap.blocks.size(block)) & ~7
    guard isNear else {
      do throws(MemoryError) {
        let copied = try pages.words(at: address, count: Int(end - address) / 8)
        return Words(window: nil, start: address, copied: copied, count: copied.count)
      } catch .targetGone {
        throw .targetGone
      } catch {
        return nil
      }
    }
    guard try window.load(address..<end) else { return nil }
    return Words(window: window, start: address, copied: [], count: Int(end - address) / 8)
  }

  private func compute(_ block: Int, _ reach: Reach) throws(MemoryError) -> Outcome {
    let size = heap.blocks.size(block)
    let type = heap.typeIndex(block)
    var isNear = true
    if case .deep(1...) = reach { isNear = false }
    var hash = ContentHash()
    hash.add(UInt64(type))
    switch heap.types[type].layout {
    case .string:
      guard let words = try words(block, bytes: size, isNear: isNear), words.count > 4 else { return .none }
      let count = min(words[3] & 0xffff_ffff_ffff, size - 32)
      hash.add(count)
      Self.add(words, from: 32, bytes: Int(count), to: &hash)
    case .array(let elements, let element):
      guard element.stride > 0, elements >= 32, let words = try words(block, bytes: size, isNear: isNear),
        words.count >= 4
      else { return .none }
      let fits = size > UInt64(elements) ? (size - UInt64(elements)) / UInt64(element.stride) : 0
      let count = Int(min(words[2], fits))
      hash.add(UInt64(count))
      if element.slots.isEmpty {
        Self.add(words, from: elements, bytes: count * element.stride, to: &hash)
      } else {
        for index in 0..<count {
          if let end = try add(words, at: elements + index * element.stride, element, reach, &hash) { return end }
        }
      }
    case .hashTable(let bitmap, let key, let value):
      guard let shape = HashTableShape(bitmap: bitmap, key: key, value: value, size: size),
        let words = try words(block, bytes: size, isNear: isNear), words.count >= 8
      else { return .none }
      var sum: UInt64 = 0
      for bucket in 0..<shape.buckets {
        let word = bitmap / 8 + bucket / 64
        guard word < words.count else { return .none }
        guard words[word] >> UInt64(bucket % 64) & 1 == 1 else { continue }
        var entry = ContentHash()
        if let end = try add(words, at: shape.keys + bucket * key.stride, key, reach, &entry) { return end }
        if let value, let end = try add(words, at: shape.values + bucket * value.stride, value, reach, &entry) {
          return end
        }
        sum &+= entry.value
      }
      hash.add(sum)
    case .fixed(let extent, let slots):
      if let place = dataBytes.place(block) {
        return try add(place, of: block, isNear: isNear, &hash) ? .hash(hash.value) : .none
      }
      // Objects that are told apart by their address only are not copies of each other.
      guard extent > 16, heap.types[type].kind == .class || heap.types[type].kind == .box,
        let words = try words(block, bytes: UInt64(extent + 7), isNear: isNear)
      else { return .none }
      let layout = ValueLayout(typeName: "", size: extent, stride: extent, alignment: 8, slots: slots)
      if let end = try add(words, at: 0, layout, reach, &hash, skipping: 16) { return end }
    default: return .none
    }
    return .hash(hash.value)
  }

  /// Adds what a `Data` holds, wherever its bytes lie; false where they are not all in one block.
  private func add(
    _ place: DataBytes.Place, of storage: Int, isNear: Bool, _ hash: inout ContentHash
  ) throws(MemoryError) -> Bool {
    let last = max(place.bytes, place.count, place.firstIndex)
    guard let object = try words(storage, bytes: UInt64(last + 1) * 8, isNear: isNear), object.count > last else {
      return false
    }
    let block = heap.blocks.index(startingAt: object[place.bytes])
    let count = object[place.count]
    guard block >= 0, count > 0, count <= min(heap.blocks.size(block), Self.largest),
      let bytes = try words(block, bytes: (count + 7) & ~7, isNear: false)
    else { return false }
    hash.add(count)
    hash.add(object[place.firstIndex])
    Self.add(bytes, from: 0, bytes: Int(count), to: &hash)
    return true
  }

  /// Adds a value of `layout` at `start`: plain words as they are, references as what they refer to.
  ///
  /// - Returns: nil, or what the block's outcome is at once.
  private func add(
    _ words: Words, at start: Int, _ layout: ValueLayout, _ reach: Reach, _ hash: inout ContentHash,
    skipping: Int = 0
  ) throws(MemoryError) -> Outcome? {
    var slot = 0
    var offset = skipping
    while offset < layout.size {
      let rest = layout.size - offset
      let position = start + offset
      while slot < layout.slots.count, layout.slots[slot].offset < offset { slot += 1 }
      if slot < layout.slots.count, layout.slots[slot].offset == offset, position & 7 == 0 {
        guard position / 8 < words.count else { return Outcome.none }
        let word = words[position / 8]
        switch layout.slots[slot].strength {
        case .weak, .unowned: return Outcome.none
        case .pointer, .number: hash.add(word)
        case .strong, .ambiguous:
          guard let content = try content(word, layout.slots[slot].strength, reach) else { return .later }
          hash.add(content)
        }
      } else {
        hash.add(Self.word(words, position, min(8, rest)))
      }
      offset += 8
    }
    return nil
  }

  /// What a reference counts as; nil where that is not known yet.
  private func content(
    _ word: UInt64, _ strength: ReferenceSlot.Strength, _ reach: Reach
  ) throws(MemoryError) -> UInt64? {
    let target = references.resolver.target(word, strength)
    guard target >= 0 else { return word }
    let outcome: Outcome
    switch reach {
    case .deep(let depth): outcome = try self.outcome(target, .deep(depth + 1))
    case .known where known[target] != 0: outcome = try self.outcome(target, .known)
    case .known: return nil
    }
    switch outcome {
    case .hash(let hash): return hash
    // One and the same object in both is equal as well.
    case .none, .later: return word
    }
  }

  /// Up to eight bytes from a byte position, whatever its alignment.
  private static func word(_ words: Words, _ position: Int, _ bytes: Int) -> UInt64 {
    let index = position >> 3
    guard index >= 0, index < words.count else { return 0 }
    let shift = UInt64(position & 7) * 8
    var value = words[index] >> shift
    if shift > 0, index + 1 < words.count { value |= words[index + 1] << (64 - shift) }
    return bytes >= 8 ? value : value & (1 << UInt64(bytes * 8) - 1)
  }

  private static func add(_ words: Words, from start: Int, bytes: Int, to hash: inout ContentHash) {
    var offset = 0
    while offset < bytes {
      hash.add(word(words, start + offset, min(8, bytes - offset)))
      offset += 8
    }
  }
}
