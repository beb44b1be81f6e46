import Malloc
import SwiftMetadata

/// Blocks and the references in them, in a developer's words.
struct BlockNames: Sendable {
  let heap: TypedHeap

  /// The type of a block; its size where nothing else is known.
  func name(_ block: Int) -> String {
    let type = heap.typeIndex(block)
    return type == TypedHeap.unknown ? "malloc(\(heap.blocks.size(block)))" : heap.types[type].name
  }

  /// What makes two references the same in the eyes of a developer: the field, not the element's number.
  func key(_ block: Int, offset: UInt64) -> UInt64 {
    switch heap.types[heap.typeIndex(block)].layout {
    case .array(let elements, let element), .ring(let elements, let element):
      guard offset >= UInt64(elements), element.stride > 0 else { return offset }
      return (offset - UInt64(elements)) % UInt64(element.stride)
    case .hashTable, .hashNode, .taskSlab, .task: return 0
    default: return offset
    }
  }

  /// The name of a reference inside its block: `field`, `[…].field`; empty where there is no name.
  func field(_ block: Int, offset: UInt64) -> String {
    let type = heap.types[heap.typeIndex(block)]
    // A captured variable's number says nothing that the closure's captures do not say.
    if type.kind == .closureContext { return "" }
    switch type.layout {
    case .fixed(_, let slots):
      return slots.first { UInt64($0.offset) == offset }?.path ?? ""
    case .array(let elements, let element), .ring(let elements, let element):
      let within = Int(key(block, offset: offset))
      guard offset >= UInt64(elements) else { return "" }
      let path = element.slots.first { $0.offset == within }?.path ?? ""
      return "[…]" + (path.isEmpty ? "" : "." + path)
    case .hashTable, .hashNode: return "[…]"
    default: return ""
    }
  }

  /// The reference at `offset` is the context of a closure, by the declared type of its field or element.
  func isClosure(_ block: Int, offset: UInt64) -> Bool {
    let within = Int(key(block, offset: offset))
    let slot = heap.types[heap.typeIndex(block)].layout.slots.first { $0.offset == within }
    return slot.map { $0.alternatives.allSatisfy { Self.isFunction($0.typeName) } } ?? false
  }

  /// What a word leads to is the box of a value, by the declared type of the word: of a value too large for an existential, of an `indirect` case. Such
  /// boxes and closure contexts are of one kind, and those of one value are described alike.
  ///
  /// A closure's context is never the first word of a value: the function stands before it.
  func isBoxed(_ block: Int, offset: UInt64) -> Bool {
    Self.isBoxed(heap.types[heap.typeIndex(block)].layout.slots, at: Int(key(block, offset: offset)))
  }

  /// - Parameter slots: of an object, or of an element of a container.
  static func isBoxed(_ slots: [ReferenceSlot], at offset: Int) -> Bool {
    guard let slot = slots.first(where: { $0.offset == offset }) else { return false }
    let cases = slot.alternatives
    if cases.contains(where: { isFunction($0.typeName) }) { return false }
    if cases.contains(where: { $0.typeName == "box" || $0.typeName.hasPrefix(boxPrefix) }) { return true }
    guard slot.strength == .ambiguous, slot.typeName == "Any" || slot.typeName.hasPrefix("any ") else { return false }
    return !slots.contains { $0.offset == offset - 8 && $0.path == slot.path && $0.typeName == slot.typeName }
  }

  /// `closure context (Shape)` as the box that it is, `box of Shape`.
  static func boxName(_ name: String) -> String {
    let (start, end) = ("closure context (", ")")
    guard name.hasPrefix(start), name.hasSuffix(end) else { return name }
    return boxPrefix + name.dropFirst(start.count).dropLast(end.count)
  }

  static let boxPrefix = "box of "

  /// `(Int) async -> [Row]`, but neither `[() -> Void]` nor `Box<() -> Void>`: an arrow outside of all brackets. Nor the box in which an `indirect`
  /// case keeps a function.
  static func isFunction(_ typeName: String) -> Bool {
    guard !typeName.hasPrefix(boxPrefix) else { return false }
    var depth = 0
    var last: Character = " "
    for character in typeName {
      switch character {
      case "(", "[", "<": depth += 1
      case ">" where last == "-":
        if depth == 0 { return true }
      case ")", "]", ">": depth -= 1
      default: break
      }
      last = character
    }
    return false
  }

  /// The storage of a collection: it reads better as part of the field that holds the collection.
  func isStorage(_ block: Int) -> Bool {
    switch heap.types[heap.typeIndex(block)].kind {
    case .arrayStorage, .dictionaryStorage, .setStorage: true
    default: false
    }
  }

  /// Steps along a ring of blocks, each with the offset of the reference to the next one. Storage blocks are folded into the field
  /// before them: `Owner.callbacks[…]`.
  func steps(_ path: [(block: Int, offset: UInt64)]) -> [LeakGroup.Step] {
    var steps: [LeakGroup.Step] = []
    for (index, (block, offset)) in path.enumerated() {
      let field = field(block, offset: offset)
      let isClosure = isClosure(block, offset: offset)
      if isStorage(block) && index > 0 && !steps.isEmpty {
        steps[steps.count - 1].field += field
        steps[steps.count - 1].isClosure = isClosure
      } else {
        let before = path[(index + path.count - 1) % path.count]
        let isBox = heap.type(block).kind == .closureContext && isBoxed(before.block, offset: before.offset)
        steps.append(
          LeakGroup.Step(
            type: isBox ? Self.boxName(name(block)) : name(block), field: field, isClosure: isClosure,
            isOwn: heap.type(block).kind == .class && heap.type(block).isOwn))
      }
    }
    return steps
  }
}
