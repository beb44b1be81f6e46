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

/// The plans of all types.
struct ScanPlans: Sendable {
  let plans: FlatArray<ScanPlan>
  let slots: FlatArray<ScanPlan.Slot>

  init(_ types: [ObjectType]) {
    var slotList: [ScanPlan.Slot] = []
    func add(_ slots: [ReferenceSlot]) -> ScanPlan.SlotRange {
      let start = UInt32(slotList.count)
      for slot in slots where slot.offset >= 0 && slot.offset < Int(UInt32.max) {
        slotList.append(
          ScanPlan.Slot(offset: UInt32(slot.offset), strength: slot.strength, liveWords: slot.liveWords))
      }
      return ScanPlan.SlotRange(start: start, count: UInt32(slotList.count) - start)
    }
    let plans = FlatArray<ScanPlan>(repeating: ScanPlan(), count: types.count)
    for (index, type) in types.enumerated() {
      var plan = ScanPlan()
      switch type.layout {
      case .conservative: plan.kind = .conservative
      case .none: plan.kind = .none
      case .fixed(let size, let slots):
        plan.kind = .fixed
        plan.extent = UInt32(clamping: size)
        plan.slots = add(slots)
      case .array(let elements, let element), .ring(let elements, let element):
        if element.slots.isEmpty || element.stride <= 0 {
          plan.kind = .none
        } else if case .ring = type.layout {
          plan.kind = .ring
        } else {
          plan.kind = .array
        }
        plan.extent = UInt32(clamping: elements)
        plan.stride = UInt32(clamping: element.stride)
        plan.slots = add(element.slots)
      case .hashTable(let bitmap, let key, let value):
        plan.kind = .hashTable
        plan.extent = UInt32(clamping: bitmap)
        plan.stride = UInt32(clamping: key.stride)
        plan.slots = add(key.slots)
        if let value {
          plan.hasValues = true
          plan.valueStride = UInt32(clamping: value.stride)
          plan.valueSlots = add(value.slots)
        }
        if plan.slots.isEmpty && plan.valueSlots.isEmpty { plan.kind = .none }
      case .hashNode(let key, let value):
        // An item is a key with its value behind it: one element.
        let item = HashNodeShape.Item(key: key, value: value)
        plan.kind = .hashNode
        plan.stride = UInt32(clamping: item.stride)
        plan.slots = add(key.slots)
        let values = (value?.slots ?? []).map { slot in
          var slot = slot
          slot.offset += item.valueOffset
          slot.liveWords = slot.liveWords.map { $0 + item.valueOffset }
          return slot
        }
        plan.slots.count += add(values).count
      case .string: plan.kind = .string
      case .taskSlab: plan.kind = .taskSlab
      case .task: plan.kind = .task
      case .sideTable: plan.kind = .sideTable
      }
      switch type.kind {
      // Weak references are made to instances of classes; the standard library's storages never get one.
      case .class, .task, .closureContext: plan.hasRefCounts = true
      default: break
      }
      plan.isNative = type.kind == .native
      plan.isActor = type.actor == .standard && plan.kind == .fixed
      plans[index] = plan
    }
    self.plans = plans
    slots = FlatArray(repeating: ScanPlan.Slot(offset: 0, strength: .strong), count: slotList.count)
    for (index, slot) in slotList.enumerated() { slots[index] = slot }
  }
}
