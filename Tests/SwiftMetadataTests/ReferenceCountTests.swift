import Testing

@testable import SwiftMetadata

@Suite struct ReferenceCountTests {
  private final class Plain {
    var atDeinit: (UInt64) -> Void = { _ in }
    deinit { atDeinit(ReferenceCountTests.word(OwnProcess.address(self))) }
  }

  private static func word(_ address: UInt64) -> UInt64 {
    UnsafePointer<UInt64>(bitPattern: UInt(address)).map { $0[1] } ?? 0
  }

  @Test func inlineCountsHaveNoSideTable() {
    let object = Plain()
    let word = Self.word(OwnProcess.address(object))
    #expect(ReferenceCount.sideTableAddress(refcountWord: word) == nil)
    #expect(!ReferenceCount.isDeiniting(refcountWord: word))
    #expect(!ReferenceCount.isImmortal(refcountWord: word))
  }

  @Test func aWeakReferenceMakesASideTableThatPointsBack() throws {
    let object = Plain()
    weak let reference = object
    let address = OwnProcess.address(object)
    let table = try #require(ReferenceCount.sideTableAddress(refcountWord: Self.word(address)))
    let back = UnsafePointer<UInt64>(bitPattern: UInt(table)).map { $0[0] }
    #expect(back == address)
    #expect(reference != nil)
    withExtendedLifetime(object) {}
  }

  @Test func deinitIsSeenWhileItRuns() {
    var seen: UInt64 = 0
    do {
      let object = Plain()
      object.atDeinit = { seen = $0 }
    }
    #expect(seen != 0)
    #expect(ReferenceCount.isDeiniting(refcountWord: seen))
  }

  @Test func theEmptyArrayIsImmortal() {
    let empty: [Int] = []
    let address = UInt64(unsafeBitCast(empty, to: UInt.self))
    #expect(ReferenceCount.isImmortal(refcountWord: Self.word(address)))
    #expect(!ReferenceCount.isDeiniting(refcountWord: Self.word(address)))
    #expect(ReferenceCount.sideTableAddress(refcountWord: Self.word(address)) == nil)
  }

  @Test func stringsTellWhetherTheyKeepStorage() throws {
    func objectWord(_ text: String) -> UInt64 { UInt64(unsafeBitCast(text, to: (UInt, UInt).self).1) }
    #expect(StringObject.heapAddress(objectWord: objectWord("")) == nil)
    #expect(StringObject.heapAddress(objectWord: objectWord("fifteen letters")) == nil)
    #expect(StringObject.heapAddress(objectWord: objectWord("a literal that is too long for the inline form")) == nil)
    let long = String(repeating: "x", count: 100)
    let address = try #require(StringObject.heapAddress(objectWord: objectWord(long)))
    let head = try #require(UnsafePointer<UInt64>(bitPattern: UInt(address))).pointee
    let decoder = try OwnProcess.decoder()
    #expect(decoder.objectType(head: head, address: address, size: 136)?.kind == .stringStorage)
    withExtendedLifetime(long) {}
  }
}
