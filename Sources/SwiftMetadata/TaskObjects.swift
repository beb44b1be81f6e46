/// Tasks and their allocator's slabs.
extension MetadataDecoder {
  /// A task's fragments and first frame follow it in the same block, so only the minimum is fixed.
  func taskEntry() -> ObjectEntry {
    let type = ObjectType(kind: .task, name: "Task", layout: .task(schedulerLinks: TaskLayout.schedulerLinks))
    return .type(type, minimum: UInt64(TaskLayout.size), maximum: .max)
  }

  func slabType(address: UInt64, size: UInt64) -> ObjectType? {
    guard isSlab(address: address, size: size) else { return nil }
    return ObjectType(kind: .taskSlab, name: "task stack slab", layout: .taskSlab)
  }

  /// Header: metadata, next slab, capacity u32, used u32 (stdlib/public/runtime/StackAllocator.h, Swift 5.9 to 6.3).
  private func isSlab(address: UInt64, size: UInt64) -> Bool {
    guard size >= 48, let next = memory.word(address &+ 8), let capacity = memory.half(address &+ 16),
      let used = memory.half(address &+ 20)
    else { return false }
    let total = UInt64(capacity) &+ 32
    return next & 15 == 0 && next < TargetMemory.addressLimit && used <= capacity && used & 15 == 0 && capacity >= 16
      && total <= size && size <= Self.largestBlock(for: total)
  }

  func mayBeSlabHead(_ head: UInt64) -> Bool {
    head & 7 == 0 && modules.contains { $0.writableRanges.contains { $0.contains(head) } }
  }

  /// By symbol, or in a stripped program by structure: slabs point to one zero-filled object in a module's data.
  func isSlabHead(_ head: UInt64, address: UInt64, size: UInt64) -> Bool {
    if slabHeads.isEmpty {
      if let symbol = symbols.address(of: "_ZN5swift25TaskAllocatorSlabMetadataE") { slabHeads.insert(symbol) }
      if let variable = symbols.address(of: "_swift_concurrency_debug_asyncTaskSlabMetadata"),
        let value = memory.word(variable), value != 0
      {
        slabHeads.insert(value)
      }
      if slabHeads.contains(head) { return true }
      guard slabHeads.isEmpty, mayBeSlabHead(head), memory.word(head) == 0, memory.word(head &+ 8) == 0,
        memory.half(address &+ 16) == TaskLayout.slabCapacity, isSlab(address: address, size: size)
      else { return false }
      slabHeads.insert(head)
      return true
    }
    return slabHeads.contains(head)
  }
}
