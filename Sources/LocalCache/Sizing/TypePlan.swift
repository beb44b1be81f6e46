/// How to walk the values of one type, or the objects of one class.
///
/// Plans are made once for each type, and never freed: walks neither lock nor count references, so threads that measure values at the same time have
/// nothing in common.
struct TypePlan: @unchecked Sendable {
  private struct Body {
    var steps: UnsafeBufferPointer<WalkStep>
    var isStorageOfValues: Bool
    var guarding: Guarding
  }

  /// What is known of the variables of a class.
  enum Guarding {
    /// There are none, or they are storage of values.
    case nothing
    /// Whoever holds the object may guard them.
    case variables
    /// The object guards them, and what its other properties lead to: the plan leaves them out.
    case itself
  }

  private let body: UnsafeMutablePointer<Body>

  /// A plan that is still to be made: types refer to themselves.
  init() {
    body = .allocate(capacity: 1)
    body.initialize(
      to: Body(steps: UnsafeBufferPointer(start: nil, count: 0), isStorageOfValues: false, guarding: .nothing))
  }

  /// A plan of steps that are known.
  init(_ steps: [WalkStep]) {
    self.init()
    make(steps)
  }

  fileprivate init?(word: UInt) {
    guard let body = UnsafeMutablePointer<Body>(bitPattern: word) else { return nil }
    self.body = body
  }

  fileprivate var word: UInt { UInt(bitPattern: body) }

  /// To be called once, before anybody else knows of the plan.
  func make(_ steps: [WalkStep], isStorageOfValues: Bool = false, guarding: Guarding = .nothing) {
    let memory = UnsafeMutableBufferPointer<WalkStep>.allocate(capacity: steps.count)
    _ = memory.initialize(fromContentsOf: steps)
    body.pointee = Body(
      steps: UnsafeBufferPointer(memory), isStorageOfValues: isStorageOfValues, guarding: guarding)
  }

  /// Whether the objects do not change while a copy of the value is held that they are the storage of.
  var isStorageOfValues: Bool { body.pointee.isStorageOfValues }

  var guarding: Guarding { body.pointee.guarding }

  /// Counts what a value refers to; for the plan of a class, the object itself is not counted.
  func walk(_ pointer: UnsafeRawPointer, _ walk: inout HeapWalkState) {
    guard walk.descend() else { return }
    for step in body.pointee.steps { step.walk(pointer, &walk) }
    walk.ascend()
  }
}

extension TypePlan {
  private static let ofValues = ConcurrentMap()
  private static let ofObjects = ConcurrentMap()
  private static let building = Guarded(())

  /// The plan for values of a type as they are stored; nil where they refer to nothing that is counted.
  static func of(_ type: Any.Type) -> TypePlan? {
    find(type, in: ofValues) { $0.plan(ofValues: type) }
  }

  /// The plan for the stored properties of a class's objects.
  static func ofInstances(_ type: Any.Type) -> TypePlan? {
    find(type, in: ofObjects) { $0.plan(ofObjects: type) }
  }

  /// A plan that is complete already; the inner nil says that there is nothing to walk.
  static func known(_ type: Any.Type) -> TypePlan?? {
    ofValues[unsafeBitCast(type, to: UInt.self)].map { TypePlan(word: $0) }
  }

  private static func find(
    _ type: Any.Type, in plans: ConcurrentMap, _ make: (inout PlanBuilder) -> TypePlan?
  ) -> TypePlan? {
    let key = unsafeBitCast(type, to: UInt.self)
    if let word = plans[key] { return TypePlan(word: word) }
    return building.withLock { _ in
      if let word = plans[key] { return TypePlan(word: word) }
      var builder = PlanBuilder()
      let plan = make(&builder)
      // Only now all of them are complete.
      for (type, plan) in builder.begun { ofValues.insert(unsafeBitCast(type, to: UInt.self), plan.word) }
      plans.insert(key, plan?.word ?? 0)
      return plan
    }
  }
}
