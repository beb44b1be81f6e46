import Malloc
import ProcessImage
import SwiftMetadata

/// Hashes of what blocks hold, so that equal values are found wherever they lie.
///
/// Only what a type really occupies counts: elements up to the count, occupied buckets in any order, fields without reference counts. A
/// reference counts as the content of what it refers to, to a bounded depth. Blocks of unknown layout have no hash.
struct BlockContents {
  private let references: HeapReferences
  /// For blocks that are asked for one behind the other.
  private let window: MemoryWindow
  /// For what they refer to, which lies anywhere; that must not move the window, or each block would be read by itself.
  private let pages: PagedMemory
  private let dataBytes: DataBytes
  /// 0 not asked yet, 1 no hash, else the hash.
  private let known: FlatArray<UInt64>
  private static let none: UInt64 = 1
  private static let deepest = 6
  /// Larger blocks are not compared, in bytes.
  private static let largest: UInt64 = 512 << 10

  private var heap: TypedHeap { references.heap }

  init(_ references: HeapReferences) {
    self.references = references
    window = MemoryWindow(references.memory)
    pages = PagedMemory(references.memory)
    dataBytes = DataBytes(references)
    known = FlatArray(repeating: 0, count: references.heap.blocks.count)
  }

  /// Nil where the block cannot be compared.
  func hash(_ block: Int, depth: Int = 0) throws(MemoryError) -> UInt64? {
    let cached = known[block]
    if cached != 0 { return cached == Self.none ? nil : cached }
    guard depth < Self.deepest, heap.blocks.size(block) <= Self.largest else { return nil }
    // Ends cycles: what refers to itself is compared with nothing.
    known[block] = Self.none
    let hash = try compute(block, depth: depth)
    if let hash { known[block] = hash <= Self.none ? 2 : hash }
    return hash
  }

  /// The block's words; nil where they cannot be read.
  private func words(_ block: Int, bytes: UInt64, _ depth: Int) throws(MemoryError) -> [UInt64]? {
    let address = heap.blocks.address(block)
    let end = address + min(bytes, heap.blocks.size(block)) & ~7
    if depth > 0 {
      do throws(MemoryError) {
        return try pages.words(at: address, count: Int(end - address) / 8)
      } catch .targetGone {
        throw .targetGone
      } catch {
        return nil
      }
    }
    guard try window.load(address..<end) else { return nil }
    return stride(from: address, to: end, by: 8).map { window.word($0) }
  }

  private func compute(_ block: Int, depth: Int) throws(MemoryError) -> UInt64? {
    let size = heap.blocks.size(block)
    let type = heap.typeIndex(block)
    var hash = ContentHash()
    hash.add(UInt64(type))
    switch heap.types[type].layout {
    case .string:
      guard let words = try words(block, bytes: size, depth), words.count > 4 else { return nil }
      let count = min(words[3] & 0xffff_ffff_ffff, size - 32)
      hash.add(count)
      Self.add(words, from: 32, bytes: Int(count), to: &hash)
    case .array(let elements, let element):
      guard element.stride > 0, let words = try words(block, bytes: size, depth), words.count >= 4, elements >= 32
      else {
        return nil
      }
      let fits = size > UInt64(elements) ? (size - UInt64(elements)) / UInt64(element.stride) : 0
      let count = Int(min(words[2], fits))
      hash.add(UInt64(count))
      if element.slots.isEmpty {
        Self.add(words, from: elements, bytes: count * element.stride, to: &hash)
      } else {
        for index in 0..<count {
          guard try add(words, at: elements + index * element.stride, element, depth, &hash) else { return nil }
        }
      }
    case .hashTable(let bitmap, let key, let value):
      guard let shape = HashTableShape(bitmap: bitmap, key: key, value: value, size: size),
        let words = try words(block, bytes: size, depth), words.count >= 8
      else { return nil }
      var sum: UInt64 = 0
      for bucket in 0..<shape.buckets {
        let word = bitmap / 8 + bucket / 64
        guard word < words.count else { return nil }
        guard words[word] >> UInt64(bucket % 64) & 1 == 1 else { continue }
        var entry = ContentHash()
        guard try add(words, at: shape.keys + bucket * key.stride, key, depth, &entry) else { return nil }
        if let value, try !add(words, at: shape.values + bucket * value.stride, value, depth, &entry) { return nil }
        sum &+= entry.value
      }
      hash.add(sum)
    case .fixed(let extent, let slots):
      if let place = dataBytes.place(block) {
        return try add(place, of: block, depth, &hash) ? hash.value : nil
      }
      // Objects that are told apart by their address only are not copies of each other.
      guard extent > 16, heap.types[type].kind == .class || heap.types[type].kind == .box,
        let words = try words(block, bytes: UInt64(extent + 7), depth)
      else { return nil }
      let layout = ValueLayout(typeName: "", size: extent, stride: extent, alignment: 8, slots: slots)
      guard try add(words, at: 0, layout, depth, &hash, skipping: 16) else { return nil }
    default: return nil
    }
    return hash.value
  }

  /// Adds what a `Data` holds, wherever its bytes lie; false where they are not all in one block.
  private func add(
    _ place: DataBytes.Place, of storage: Int, _ depth: Int, _ hash: inout ContentHash
  ) throws(MemoryError) -> Bool {
    let last = max(place.bytes, place.count, place.firstIndex)
    guard let object = try words(storage, bytes: UInt64(last + 1) * 8, depth), object.count > last else { return false }
    let block = heap.blocks.index(startingAt: object[place.bytes])
    let count = object[place.count]
    guard block >= 0, count > 0, count <= min(heap.blocks.size(block), Self.largest),
      let bytes = try words(block, bytes: (count + 7) & ~7, max(depth, 1))
    else { return false }
    hash.add(count)
    hash.add(object[place.firstIndex])
    Self.add(bytes, from: 0, bytes: Int(count), to: &hash)
    return true
  }

  /// Adds a value of `layout` at `start`: plain words as they are, references as what they refer to.
  private func add(
    _ words: [UInt64], at start: Int, _ layout: ValueLayout, _ depth: Int, _ hash: inout ContentHash,
    skipping: Int = 0
  ) throws(MemoryError) -> Bool {
    var slot = 0
    var offset = skipping
    while offset < layout.size {
      let rest = layout.size - offset
      let position = start + offset
      while slot < layout.slots.count, layout.slots[slot].offset < offset { slot += 1 }
      if slot < layout.slots.count, layout.slots[slot].offset == offset, position & 7 == 0 {
        guard position / 8 < words.count else { return false }
        let word = words[position / 8]
        switch layout.slots[slot].strength {
        case .weak, .unowned: return false
        case .pointer, .number: hash.add(word)
        case .strong, .ambiguous:
          let target = references.resolver.target(word, layout.slots[slot].strength)
          if target < 0 {
            hash.add(word)
          } else if let content = try self.hash(target, depth: depth + 1) {
            hash.add(content)
          } else {
            // One and the same object in both is equal as well.
            hash.add(word)
          }
        }
      } else {
        hash.add(Self.word(words, position, min(8, rest)))
      }
      offset += 8
    }
    return true
  }

  /// Up to eight bytes from a byte position, whatever its alignment.
  private static func word(_ words: [UInt64], _ position: Int, _ bytes: Int) -> UInt64 {
    let index = position >> 3
    guard index >= 0, index < words.count else { return 0 }
    let shift = UInt64(position & 7) * 8
    var value = words[index] >> shift
    if shift > 0, index + 1 < words.count { value |= words[index + 1] << (64 - shift) }
    return bytes >= 8 ? value : value & (1 << UInt64(bytes * 8) - 1)
  }

  private static func add(_ words: [UInt64], from start: Int, bytes: Int, to hash: inout ContentHash) {
    var offset = 0
    while offset < bytes {
      hash.add(word(words, start + offset, min(8, bytes - offset)))
      offset += 8
    }
  }
}
