import Testing

@testable import HeapGraph

/// What the resolver says of reference counts, on objects of this very process.
@Suite struct ReferenceCountTests {
  private final class Plain {
    var atDeinit: (UInt64) -> Void = { _ in }
    deinit { atDeinit(ReferenceCountTests.counts(of: self)) }
  }

  /// The second word of an object.
  private static func counts(of object: AnyObject) -> UInt64 {
    Unmanaged.passUnretained(object).toOpaque().load(fromByteOffset: 8, as: UInt64.self)
  }

  @Test func anObjectsWordIsCounts() {
    let word = Self.counts(of: Plain())
    #expect(ReferenceResolver.areCounts(word))
    #expect(!ReferenceResolver.isDeiniting(word))
    #expect(!ReferenceResolver.areCounts(UInt64(UInt(bitPattern: Unmanaged.passUnretained(Plain()).toOpaque()))))
  }

  @Test func deinitIsSeenWhileItRuns() {
    var seen: UInt64 = 0
    do {
      let object = Plain()
      object.atDeinit = { seen = $0 }
    }
    #expect(ReferenceResolver.areCounts(seen) && ReferenceResolver.isDeiniting(seen))
  }

  @Test func anObjectWithASideTableIsNotTakenForDeiniting() {
    let object = Plain()
    weak let reference = object
    let word = Self.counts(of: object)
    #expect(word >> 62 == 3)
    #expect(ReferenceResolver.areCounts(word) && !ReferenceResolver.isDeiniting(word))
    // Bits behind the marks are the table's address, divided by eight; it begins with the object's.
    let table = UnsafePointer<UInt64>(bitPattern: UInt(word << 3))
    #expect(table?.pointee == UInt64(UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque())))
    #expect(reference != nil)
  }

  @Test func theEmptyArrayIsNotDeiniting() {
    let storage = unsafeBitCast([Int](), to: AnyObject.self)
    #expect(ReferenceResolver.areCounts(Self.counts(of: storage)))
    #expect(!ReferenceResolver.isDeiniting(Self.counts(of: storage)))
  }
}
