import Malloc
import SwiftMetadata

/// Where in its block a reference stands, in the eyes of a developer: the field, not the number of the element.
struct EdgeLabel: Hashable, Sendable {
  enum Place: UInt32 {
    case field = 0
    case element = 1
    case key = 2
    case value = 3
  }

  /// Place in the two top bits, the alternative of the word counted from 1 in the next six, offset in the object or the element below.
  var raw: UInt32

  private static let offsetBits: UInt32 = 24
  private static let largestOffset: UInt64 = 1 << 24 - 1
  private static let mostAlternatives = 63

  init(raw: UInt32) { self.raw = raw }
  init(_ place: Place, _ offset: UInt64) {
    raw = place.rawValue << 30 | UInt32(min(offset, Self.largestOffset))
  }

  var place: Place { Place(rawValue: raw >> 30) ?? .field }
  var offset: Int { Int(raw & UInt32(Self.largestOffset)) }

  /// Which of the slot's alternatives it is; nil where there is no choice or no telling.
  var alternative: Int? {
    get {
      let number = Int(raw >> Self.offsetBits & UInt32(Self.mostAlternatives))
      return number == 0 ? nil : number - 1
    }
    set {
      raw &= ~(UInt32(Self.mostAlternatives) << Self.offsetBits)
      if let newValue, newValue < Self.mostAlternatives { raw |= UInt32(newValue + 1) << Self.offsetBits }
    }
  }
}

/// Labels of references and what they are called.
struct EdgeLabels: Sendable {
  let heap: TypedHeap
  let frames: AsyncFrameTable
  let taskLocals: TaskLocalNames
  private var cases: EnumCases
  /// By type. The types themselves hold names and fields, whose reference counts each label would pass through.
  private let shapes: FlatArray<Shape>
  /// Offsets up to here tell references in an object of unknown layout apart.
  private static let describedBytes: UInt64 = 256

  /// By type: the words of a field whose inside nobody describes, a container of C++ say, with the first word of that field.
  private let regions: [Int: [UInt64: UInt64]]

  /// Types of which a label says no more than where in the object, or in the element, a word stands.
  private enum Shape: BitwiseCopyable {
    case fields
    case regions
    case elements(start: UInt64, stride: UInt64)
    case other
  }

  init(heap: TypedHeap, frames: AsyncFrameTable, taskLocals: TaskLocalNames, cases: EnumCases) {
    self.heap = heap
    self.frames = frames
    self.taskLocals = taskLocals
    self.cases = cases
    shapes = FlatArray(repeating: .other, count: heap.types.count)
    var regions: [Int: [UInt64: UInt64]] = [:]
    for (index, type) in heap.types.enumerated() where !cases.hasChoice(index) {
      switch type.layout {
      case .fixed(_, let slots):
        let words = Self.regions(slots)
        shapes[index] = words.isEmpty ? .fields : .regions
        if !words.isEmpty { regions[index] = words }
      case .array(let start, let element), .ring(let start, let element):
        guard element.stride > 0 else { break }
        shapes[index] = .elements(start: UInt64(max(start, 0)), stride: UInt64(element.stride))
      default: break
      }
    }
    self.regions = regions
  }

  /// The same for another thread.
  func separate() -> EdgeLabels {
    var copy = self
    copy.cases = cases.separate()
    return copy
  }

  private static func regions(_ slots: [ReferenceSlot]) -> [UInt64: UInt64] {
    var first: [String: Int] = [:]
    var words: [UInt64: UInt64] = [:]
    for slot in slots where slot.strength == .ambiguous && !slot.path.isEmpty {
      guard let start = first[slot.path] else {
        first[slot.path] = slot.offset
        continue
      }
      words[UInt64(clamping: slot.offset)] = UInt64(clamping: start)
    }
    return words
  }

  func label(_ block: Int, _ offset: UInt64) -> EdgeLabel {
    let type = heap.typeIndex(block)
    switch shapes[type] {
    case .fields: return EdgeLabel(.field, offset)
    case .regions: return EdgeLabel(.field, regions[type]?[offset] ?? offset)
    case .elements(let start, let stride):
      return offset < start ? EdgeLabel(.field, offset) : EdgeLabel(.element, (offset - start) % stride)
    case .other: break
    }
    var label = place(block, offset)
    guard cases.hasChoice(type), let slot = declared(block, label), slot.choice != nil else {
      return label
    }
    label.alternative = cases.alternative(slot, valueAt: offset &- UInt64(label.offset), in: block)
    return label
  }

  private func place(_ block: Int, _ offset: UInt64) -> EdgeLabel {
    let type = heap.types[heap.typeIndex(block)]
    switch type.layout {
    case .array(let elements, let element), .ring(let elements, let element):
      guard offset >= UInt64(elements), element.stride > 0 else { return EdgeLabel(.field, offset) }
      return EdgeLabel(.element, (offset - UInt64(elements)) % UInt64(element.stride))
    case .hashTable(let bitmap, let key, let value):
      guard let table = HashTableShape(bitmap: bitmap, key: key, value: value, size: heap.blocks.size(block)) else {
        return EdgeLabel(.field, offset)
      }
      if let value, offset >= UInt64(table.values), value.stride > 0 {
        return EdgeLabel(.value, (offset - UInt64(table.values)) % UInt64(value.stride))
      }
      guard offset >= UInt64(table.keys), key.stride > 0 else { return EdgeLabel(.field, offset) }
      return EdgeLabel(value == nil ? .element : .key, (offset - UInt64(table.keys)) % UInt64(key.stride))
    case .hashNode(let key, let value):
      guard offset >= HashNodeShape.start else { return EdgeLabel(.field, offset) }
      let item = HashNodeShape.Item(key: key, value: value)
      let position = item.position(of: offset, size: heap.blocks.size(block))
      guard value != nil else { return EdgeLabel(.element, UInt64(position)) }
      return position < item.valueOffset
        ? EdgeLabel(.key, UInt64(position)) : EdgeLabel(.value, UInt64(position - item.valueOffset))
    case .taskSlab, .task:
      let start = heap.blocks.address(block)
      if let number = taskLocals.number(ofValueAt: start &+ offset, from: start) {
        return EdgeLabel(.field, UInt64(frames.functions.count + number + 1))
      }
      // The function whose frame it is, counted from 1.
      return EdgeLabel(.field, UInt64((frames.number(owning: start &+ offset, in: start) ?? -1) + 1))
    case .conservative where type.kind == .native: return EdgeLabel(.field, 0)
    // Elements behind an instance's own fields, which nobody describes: one is as good as the other.
    case .conservative where offset >= Self.describedBytes: return EdgeLabel(.element, 0)
    default: return EdgeLabel(.field, offset)
    }
  }

  /// The word's slot, where the type lists some; in the case that its enum is in.
  func slot(_ block: Int, _ label: EdgeLabel) -> ReferenceSlot? {
    declared(block, label).map { Self.chosen($0, label) }
  }

  private static func chosen(_ slot: ReferenceSlot, _ label: EdgeLabel) -> ReferenceSlot {
    guard slot.choice != nil, let number = label.alternative else { return slot }
    let alternatives = slot.alternatives
    return alternatives.indices.contains(number) ? alternatives[number] : slot
  }

  /// What the word leads to is the box of a value too large for an existential, or of an `indirect` case.
  func isBoxed(_ block: Int, _ label: EdgeLabel) -> Bool {
    BlockNames.isBoxed(slots(block, label), at: label.offset)
  }

  private func declared(_ block: Int, _ label: EdgeLabel) -> ReferenceSlot? {
    slots(block, label).first { $0.offset == label.offset }
  }

  /// Of the object, or of the element, that the word stands in.
  private func slots(_ block: Int, _ label: EdgeLabel) -> [ReferenceSlot] {
    switch (label.place, heap.types[heap.typeIndex(block)].layout) {
    case (.element, .array(_, let element)), (.element, .ring(_, let element)): element.slots
    case (.element, .hashTable(_, let key, _)), (.key, .hashTable(_, let key, _)), (.element, .hashNode(let key, _)),
      (.key, .hashNode(let key, _)):
      key.slots
    case (.value, .hashTable(_, _, let value)), (.value, .hashNode(_, let value)): value?.slots ?? []
    case (.field, .fixed(_, let slots)): slots
    default: []
    }
  }

  /// `.field`, `[…].field`, `[key]`, `[value].title`; empty where there is no name.
  func text(_ block: Int, _ label: EdgeLabel) -> String {
    let type = heap.types[heap.typeIndex(block)]
    func path(_ slots: [ReferenceSlot]) -> String {
      guard let slot = slots.first(where: { $0.offset == label.offset }).map({ Self.chosen($0, label) }) else {
        return ""
      }
      let path = BufferViewKind(slot)?.fieldPath(slot.path) ?? slot.path
      return path.isEmpty ? "" : path.hasPrefix("[") ? path : "." + path
    }
    switch (label.place, type.layout) {
    case (.element, .array(_, let element)), (.element, .ring(_, let element)): return "[…]" + path(element.slots)
    case (.element, .hashTable(_, let key, _)), (.element, .hashNode(let key, _)): return "[…]" + path(key.slots)
    case (.element, .conservative): return "[…]"
    case (.key, .hashTable(_, let key, _)), (.key, .hashNode(let key, _)): return "[key]" + path(key.slots)
    case (.value, .hashTable(_, _, let value)), (.value, .hashNode(_, let value)):
      return "[value]" + path(value?.slots ?? [])
    case (.field, .fixed(_, let slots)):
      if label.offset == 8 { return " (weak reference count)" }
      if type.actor == .standard, DefaultActor.storage.contains(UInt64(label.offset)) { return "[queued]" }
      return path(slots)
    case (.field, .taskSlab), (.field, .task):
      guard label.offset > 0 else { return "" }
      let local = label.offset - frames.functions.count - 1
      if taskLocals.names.indices.contains(local) { return " (task-local \(taskLocals.names[local]))" }
      guard label.offset <= frames.functions.count else { return "" }
      let function = frames.functions[label.offset - 1]
      return function.isEmpty ? "" : " (frame of \(function))"
    default: return ""
    }
  }
}
