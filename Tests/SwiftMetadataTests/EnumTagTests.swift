import ProcessImage
import TestSupport
import Testing

@testable import SwiftMetadata

/// Tags of enums in made-up masks; the bits are those that the compiler of Swift 6.3.1 chose for these shapes.
@Suite struct EnumTagTests {
  /// Free bits of a reference: the top byte and the three lowest bits.
  private static let reference: [UInt8] = [7, 0, 0, 0, 0, 0, 0, 0xff]

  private func number(_ tag: EnumTag, _ bytes: [UInt8]) -> Int? {
    tag.number { bytes.indices.contains($0) ? bytes[$0] : nil }
  }

  @Test func bitsOfReferences() {
    let two = EnumTag(mask: Self.reference, payloadSize: 8, payloads: 2, emptyCases: 0)
    #expect(two.bits == [.init(byte: 7, bit: 7)] && two.extra.isEmpty)
    #expect(number(two, [0, 1, 2, 3, 4, 5, 0, 0x80]) == 1 && number(two, [0, 1, 2, 3, 4, 5, 0, 0x7f]) == 0)
    // Empty cases take one more number, whatever their count.
    let four = EnumTag(mask: Self.reference, payloadSize: 8, payloads: 2, emptyCases: 5)
    #expect(four.bits == [.init(byte: 7, bit: 6), .init(byte: 7, bit: 7)])
    let nine = EnumTag(mask: Self.reference, payloadSize: 8, payloads: 9, emptyCases: 0)
    #expect(number(nine, [0, 0, 0, 0, 0, 0, 0, 0x80]) == 8 && number(nine, [0, 0, 0, 0, 0, 0, 0, 0x40]) == 4)
  }

  /// A node of a document is text with a weak anchor behind it, or a list, which is shorter: its value ends in front of that word.
  @Test func aWeakReferenceOfALongerCaseIsNone() throws {
    let text = try #require(Layout.aggregate([("text", .word(.strong, "String")), ("anchor", .word(.weak, "Anchor"))]))
    let list = Layout.word(.strong, "[Node]")
    let other = try #require(Layout.aggregate([("tag", .word(.strong, "Tag")), ("anchor", .word(.weak, "Anchor"))]))
    #expect(Layout.union([text, list], name: "Node").map(\.strength) == [.strong, .ambiguous])
    #expect(Layout.union([text, other], name: "Node").map(\.strength) == [.strong, .weak])
    // A stale word that is taken for a strong reference keeps something too long, and does no other harm.
    let pair = try #require(Layout.aggregate([("key", .word(.strong, "Key")), ("value", .word(.strong, "Value"))]))
    #expect(Layout.union([pair, list], name: "Node").map(\.strength) == [.strong, .strong])
  }

  @Test func bytesBehindThePayload() {
    let tag = EnumTag(mask: [], payloadSize: 16, payloads: 5, emptyCases: 0)
    #expect(tag.bits.isEmpty && tag.extra == 16..<17)
    #expect(number(tag, [UInt8](repeating: 0xff, count: 16) + [3]) == 3)
    #expect(number(tag, [UInt8](repeating: 0xff, count: 16)) == nil)
    // Some bits inside, the rest behind.
    let mixed = EnumTag(mask: [0x80], payloadSize: 1, payloads: 4, emptyCases: 0)
    #expect(mixed.extra == 1..<2 && number(mixed, [0x80, 1]) == 3)
    let many = EnumTag(mask: [], payloadSize: 8, payloads: 300, emptyCases: 0)
    #expect(many.extra == 8..<10 && number(many, [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]) == 257)
  }

  @Test func nestedChoices() {
    func slot(_ path: String, _ choice: EnumChoice? = nil) -> ReferenceSlot {
      var slot = ReferenceSlot(offset: 0, strength: .strong, path: path)
      slot.choice = choice
      return slot
    }
    let inner = EnumTag(mask: Self.reference, payloadSize: 8, payloads: 2, emptyCases: 0)
    let outer = EnumTag(mask: [], payloadSize: 8, payloads: 2, emptyCases: 0)
    var word = slot(
      "",
      EnumChoice(
        tag: outer,
        cases: [
          .init(
            number: 0,
            slot: slot(
              "a",
              EnumChoice(
                tag: inner,
                cases: [.init(number: 0, slot: slot("a.left")), .init(number: 1, slot: slot("a.right"))]))),
          .init(number: 1, slot: slot("b")),
        ]))
    word.move(by: 8, under: "field")
    #expect(word.alternatives.map(\.path) == ["field.a.left", "field.a.right", "field.b"])
    #expect(word.alternatives.allSatisfy { $0.offset == 8 })
    func path(_ top: UInt8, _ extra: UInt8) -> String? {
      let bytes = [UInt8](repeating: 0, count: 15) + [top, extra]
      return word.alternative { bytes.indices.contains($0) ? bytes[$0] : nil }.map { word.alternatives[$0].path }
    }
    #expect(path(0, 0) == "field.a.left" && path(0x80, 0) == "field.a.right" && path(0, 1) == "field.b")
    // A case in which the word is no reference, and a value that cannot be read.
    #expect(path(0, 2) == nil)
    #expect(word.alternative { _ in nil } == nil)
  }

  /// Sections of random words, and one that claims to be larger than it is: an end, and no mask beyond the limit.
  @Test func hostileSections() {
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<200 {
      var bytes: [UInt8] = []
      for _ in 0..<1024 {
        let small = Bool.random(using: &generator)
        let word = UInt32.random(in: 0...(small ? 64 : .max), using: &generator)
        withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
      }
      var memory = ByteMemory()
      memory.add(bytes, at: 0x10000)
      var masks = EnumMasks()
      masks.read(0x10000, bytes: 1 << 30, TargetMemory(reader: memory))
      for address in stride(from: UInt64(0x10000), to: 0x11000, by: 4) {
        #expect(masks[address]?.count ?? 0 <= 1 << 13)
      }
    }
  }
}
