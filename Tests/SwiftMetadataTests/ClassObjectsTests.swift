import Testing

@testable import SwiftMetadata

private final class Plain {
  var number = 1
  var text = "a text that is too long to be stored inline"
  var list = [1, 2, 3]
}

private final class Late {
  lazy var list = [1, 2, 3]
}

private class Base {
  var first: Plain? = Plain()
  weak var weakly: Plain?
  unowned let parent: Plain
  unowned(unsafe) let raw: Plain
  init(_ parent: Plain) {
    self.parent = parent
    raw = parent
  }
}

private final class Derived<T>: Base {
  var value: T
  var map: [String: T] = [:]
  var callback: (() -> Int)?
  var any: Any = 1
  var error: (any Error)?
  init(_ value: T, _ parent: Plain) {
    self.value = value
    super.init(parent)
  }
}

private struct Point {
  var x = 1.0
  var owner: Plain
  var tag: UInt8 = 0
}

private enum Choice {
  case one(Plain)
  case two(Base)
  case text(String)
  case none
}

private final class Holder {
  var point: Point
  var choice: Choice
  var optional: Point?
  var tuple: (Int, Plain)
  var pointer: UnsafeMutablePointer<Int>?
  init(_ plain: Plain) {
    point = Point(owner: plain)
    choice = .one(plain)
    tuple = (1, plain)
  }
}

@Suite struct ClassObjectsTests {
  private let plain = Plain()

  @Test func storedPropertiesOfAClass() throws {
    let type = try #require(OwnProcess.type(of: plain, OwnProcess.decoder()))
    #expect(type.kind == .class)
    #expect(type.name == "SwiftMetadataTests.Plain")
    #expect(describe(type.fixedSlots) == ["32 strong text: String", "40 strong list: [Int]"])
    #expect(describe(type.allSlots).first == "16 number number: Int")
  }

  /// A `lazy var` is called as it was written.
  @Test func lazyPropertiesHaveTheirOwnName() throws {
    let late = Late()
    _ = late.list
    let type = try #require(OwnProcess.type(of: late, try OwnProcess.decoder()))
    #expect(type.layout.slots.map(\.path) == ["list"], "\(type.layout.slots)")
  }

  @Test func ownershipAndSuperclassesOfAGenericClass() throws {
    let decoder = try OwnProcess.decoder(omittingModule: "SwiftMetadataTests")
    let derived = Derived("value", plain)
    let type = try #require(OwnProcess.type(of: derived, decoder))
    #expect(type.name == "Derived<String>")
    let slots = describe(type.fixedSlots)
    #expect(
      Array(slots.prefix(7)) == [
        "16 strong first: Plain", "24 weak weakly: Plain", "32 unowned parent: Plain", "40 pointer raw: Plain",
        "56 strong value: String", "64 strong map: [String : String]", "80 strong callback: () -> Int",
      ])
    #expect(slots.contains("120 strong error: any Error"))
    #expect(slots.filter { $0.contains("ambiguous any: Any") }.count == 3)
  }

  @Test func structsEnumsAndTuplesInsideAClass() throws {
    let decoder = try OwnProcess.decoder(omittingModule: "SwiftMetadataTests")
    let type = try #require(OwnProcess.type(of: Holder(plain), decoder))
    let point = 16
    let owner = point + (try #require(MemoryLayout<Point>.offset(of: \.owner)))
    let choice = point + MemoryLayout<Point>.stride
    let slots = describe(type.fixedSlots)
    #expect(slots.contains("\(owner) strong point.owner: Plain"))
    #expect(type.fixedSlots.contains { $0.offset == choice && $0.path == "choice" })
    #expect(slots.contains { $0.hasSuffix("strong optional.owner: Plain") })
    #expect(slots.contains { $0.hasSuffix("strong tuple.1: Plain") })
    #expect(slots.contains { $0.hasSuffix("pointer pointer: UnsafeMutablePointer<Int>") })
  }

  /// A block far larger than the instance only starts with a class's metadata: a bump allocator's slab.
  @Test func sizeMustFitTheClass() throws {
    let decoder = try OwnProcess.decoder()
    let address = OwnProcess.address(plain)
    let head = OwnProcess.metadata(Plain.self)
    #expect(decoder.instanceSize(head: head) == 48)
    for size: UInt64 in [48, 56, 72] { #expect(decoder.objectType(head: head, address: address, size: size) != nil) }
    for size: UInt64 in [16, 40, 4088] { #expect(decoder.objectType(head: head, address: address, size: size) == nil) }
  }
}
