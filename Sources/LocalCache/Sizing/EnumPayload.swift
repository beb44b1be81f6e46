import CLocalCache

/// The payload of an enum's values: which case a value has, and how the bits of its payload are got out of it, only the type knows; its value witnesses
/// say both (getEnumTag and destructiveProjectEnumData).
struct EnumPayload {
  private struct Case {
    /// Nil where the payload refers to nothing that is counted.
    let plan: TypePlan?
    /// Where the payload lies in the box of an `indirect` case.
    let placeInBox: Int?
  }

  private let metadata: UnsafeRawPointer
  private let size: Int
  private let alignment: Int
  private let tag: ValueWitnesses.GetTag
  private let project: ValueWitnesses.Project
  /// Those with a payload, never freed.
  private let cases: UnsafeBufferPointer<Case>

  /// Nil where no case has anything to count.
  init?(_ type: Any.Type, _ builder: inout PlanBuilder) {
    metadata = unsafeBitCast(type, to: UnsafeRawPointer.self)
    let witnesses = ValueWitnesses(type)
    (size, alignment) = (witnesses.size, witnesses.alignment)
    guard let descriptor = metadata.load(fromByteOffset: 8, as: UnsafeRawPointer?.self) else { return nil }
    let arguments = metadata + 16
    let cases = FieldRecords(descriptor: descriptor).prefix { $0.mangledType != nil }.map {
      Self.payload($0, descriptor: descriptor, arguments: arguments, &builder)
    }
    guard cases.contains(where: { $0.plan != nil || $0.placeInBox != nil }) else { return nil }
    let memory = UnsafeMutableBufferPointer<Case>.allocate(capacity: cases.count)
    _ = memory.initialize(fromContentsOf: cases)
    self.cases = UnsafeBufferPointer(memory)
    (tag, project) = (witnesses.tag, witnesses.project)
  }

  private static func payload(
    _ record: FieldRecords.Record, descriptor: UnsafeRawPointer, arguments: UnsafeRawPointer,
    _ builder: inout PlanBuilder
  ) -> Case {
    guard let name = record.mangledType,
      let found = localcache_type_of_name(name, MangledName.scan(name).length, descriptor, arguments)
    else { return Case(plan: nil, placeInBox: nil) }
    let type = unsafeBitCast(found, to: Any.Type.self)
    return Case(
      plan: builder.plan(ofValues: type),
      // Behind the header of an object.
      placeInBox: record.isIndirectCase ? ValueWitnesses(type).place(behind: 16) : nil)
  }

  /// Walks the payload of the value at an address.
  func walk(_ pointer: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    // The tag lies in spare bits of the payload: they are taken out of a copy of the bits, which owns nothing.
    withUnsafeTemporaryAllocation(byteCount: max(size, 8), alignment: max(alignment, 8)) { copy in
      guard let bits = copy.baseAddress else { return }
      bits.copyMemory(from: pointer, byteCount: size)
      let index = Int(tag(bits, metadata))
      // Cases without payload come behind the others.
      guard index < cases.count else { return }
      project(bits, metadata)
      guard let place = cases[index].placeInBox else {
        cases[index].plan?.walk(bits, &walk)
        return
      }
      let box = bits.load(as: UnsafeRawPointer.self)
      guard walk.enter(object: box) else { return }
      if let plan = cases[index].plan { walk.walk(box + place, plan) }
    }
  }
}
