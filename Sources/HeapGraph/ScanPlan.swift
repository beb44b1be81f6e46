import SwiftMetadata

/// `ObjectLayout` flattened for the inner loop: no reference counting, no enum payloads, slots in one shared array.
struct ScanPlan: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    case none, conservative, fixed, array, ring, hashTable, hashNode, string, taskSlab, task, sideTable
  }

  var kind: Kind = .conservative
  /// The block starts with isa and reference counts: word 8 may name a side table.
  var hasRefCounts = false
  /// C memory: references may lie at odd places of it.
  var isNative = false
  /// Jobs wait in the object's queue.
  var isActor = false
  /// `fixed`: bytes from the start that slots may lie in. `array`: offset of the first element. `hashTable`: offset of the bitmap.
  var extent: UInt32 = 0
  var slots = SlotRange()
  var stride: UInt32 = 0
  /// `hashTable` with values.
  var hasValues = false
  var valueSlots = SlotRange()
  var valueStride: UInt32 = 0

  struct SlotRange: BitwiseCopyable {
    var start: UInt32 = 0
    var count: UInt32 = 0
    var isEmpty: Bool { count == 0 }
  }

  struct Slot: BitwiseCopyable {
    var offset: UInt32
    var strength: ReferenceSlot.Strength
    /// The first two of `ReferenceSlot.liveWords`; `always` where there are none.
    var firstLiveWord = always
    var secondLiveWord = always

    static let always = UInt32.max

    init(offset: UInt32, strength: ReferenceSlot.Strength, liveWords: [Int] = []) {
      self.offset = offset
      self.strength = strength
      if let word = liveWords.first { firstLiveWord = UInt32(clamping: word) }
      if liveWords.count > 1 { secondLiveWord = UInt32(clamping: liveWords[1]) }
    }
  }

  /// Nothing in the block can lead anywhere, so it need not be read.
  var isLeaf: Bool {
    switch kind {
    case .none, .sideTable: !hasRefCounts
    case .array, .ring: slots.isEmpty && !hasRefCounts
    case .hashTable: slots.isEmpty && valueSlots.isEmpty && !hasRefCounts
    default: false
    }
  }
}

/// Elements of one kind in a block, one behind the other.
struct ElementRow {
  /// Of the first one, in bytes from the start of the block.
  let base: UInt64
  let count: UInt64
  /// From one to the next, in bytes.
  let stride: UInt64
  let slots: ScanPlan.SlotRange

  init(base: UInt64, count: UInt64, stride: UInt64, slots: ScanPlan.SlotRange) {
    self.base = base
    self.count = count
    self.stride = stride
    self.slots = slots
  }

  /// Elements of an array or ring, keys of a table.
  init(_ plan: ScanPlan, _ base: UInt64, _ count: UInt64) {
    self.init(base: base, count: count, stride: UInt64(plan.stride), slots: plan.slots)
  }
}

/// The plans of all types.
struct ScanPlans: Sendable {
  let plans: FlatArray<ScanPlan>
  let slots: FlatArray<ScanPlan.Slot>

  init(_ types: [ObjectType]) {
    var builder = Builder()
    let plans = FlatArray<ScanPlan>(repeating: ScanPlan(), count: types.count)
    for (index, type) in types.enumerated() { plans[index] = builder.plan(type) }
    self.plans = plans
    slots = FlatArray(repeating: ScanPlan.Slot(offset: 0, strength: .strong), count: builder.slots.count)
    for (index, slot) in builder.slots.enumerated() { slots[index] = slot }
  }

  /// Flattens one type after the other; their slots come to lie one behind the other.
  private struct Builder {
    private(set) var slots: [ScanPlan.Slot] = []

    mutating func plan(_ type: ObjectType) -> ScanPlan {
      var plan = plan(type.layout)
      switch type.kind {
      // Weak references are made to instances of classes; the standard library's storages never get one.
      case .class, .task, .closureContext: plan.hasRefCounts = true
      default: break
      }
      plan.isNative = type.kind == .native
      plan.isActor = type.actor == .standard && plan.kind == .fixed
      return plan
    }

    private mutating func plan(_ layout: ObjectLayout) -> ScanPlan {
      switch layout {
      case .conservative: return ScanPlan(kind: .conservative)
      case .none: return ScanPlan(kind: .none)
      case .fixed(let size, let slots):
        return ScanPlan(kind: .fixed, extent: UInt32(clamping: size), slots: add(slots))
      case .array(let first, let element): return elements(element, from: first, .array)
      case .ring(let first, let element): return elements(element, from: first, .ring)
      case .hashTable(let bitmap, let key, let value): return table(bitmap, key, value)
      case .hashNode(let key, let value): return node(key, value)
      case .string: return ScanPlan(kind: .string)
      case .taskSlab: return ScanPlan(kind: .taskSlab)
      case .task: return ScanPlan(kind: .task)
      case .sideTable: return ScanPlan(kind: .sideTable)
      }
    }

    private mutating func elements(_ element: ValueLayout, from first: Int, _ kind: ScanPlan.Kind) -> ScanPlan {
      ScanPlan(
        kind: element.slots.isEmpty || element.stride <= 0 ? .none : kind, extent: UInt32(clamping: first),
        slots: add(element.slots), stride: UInt32(clamping: element.stride))
    }

    private mutating func table(_ bitmap: Int, _ key: ValueLayout, _ value: ValueLayout?) -> ScanPlan {
      var plan = ScanPlan(
        kind: .hashTable, extent: UInt32(clamping: bitmap), slots: add(key.slots), stride: UInt32(clamping: key.stride))
      if let value {
        plan.hasValues = true
        plan.valueStride = UInt32(clamping: value.stride)
        plan.valueSlots = add(value.slots)
      }
      if plan.slots.isEmpty && plan.valueSlots.isEmpty { plan.kind = .none }
      return plan
    }

    /// An item is a key with its value behind it: one element.
    private mutating func node(_ key: ValueLayout, _ value: ValueLayout?) -> ScanPlan {
      let item = HashNodeShape.Item(key: key, value: value)
      var plan = ScanPlan(kind: .hashNode, slots: add(key.slots), stride: UInt32(clamping: item.stride))
      let values = (value?.slots ?? []).map { slot in
        var slot = slot
        slot.offset += item.valueOffset
        slot.liveWords = slot.liveWords.map { $0 + item.valueOffset }
        return slot
      }
      plan.slots.count += add(values).count
      return plan
    }

    private mutating func add(_ slots: [ReferenceSlot]) -> ScanPlan.SlotRange {
      let start = UInt32(self.slots.count)
      for slot in slots where slot.offset >= 0 && slot.offset < Int(UInt32.max) {
        self.slots.append(
          ScanPlan.Slot(offset: UInt32(slot.offset), strength: slot.strength, liveWords: slot.liveWords))
      }
      return ScanPlan.SlotRange(start: start, count: UInt32(self.slots.count) - start)
    }
  }
}
