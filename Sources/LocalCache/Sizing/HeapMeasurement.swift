/// Bytes on the heap of any value, found by walking it along its type.
///
/// What a type's fields are and where they lie is asked of the runtime once; after that a walk reads memory at known offsets. It needs no
/// conformance of the types, and takes some ten nanoseconds a block.
package enum HeapMeasurement {
  /// All that a value leads to, every element of its containers.
  package static func bytes<Value>(of value: Value) -> Int {
    var walk = HeapWalkState(elementsMeasured: .max)
    add(value, to: &walk)
    return walk.bytes
  }

  static func add<Value>(_ value: Value, to walk: inout HeapWalkState) {
    guard let plan = TypePlan.of(Value.self) else { return }
    add(value, plan, to: &walk)
  }

  /// The same with the plan for values of the type.
  static func add<Value>(_ value: Value, _ plan: TypePlan, to walk: inout HeapWalkState) {
    withUnsafePointer(to: value) {
      plan.walk(UnsafeRawPointer($0), &walk)
      walk.finish()
    }
  }
}
