import SwiftMetadata
import Testing

struct ObjectLayoutTests {
  private let key = ValueLayout(
    typeName: "Name", size: 16, stride: 16, alignment: 8, slots: [ReferenceSlot(offset: 8, strength: .strong)])
  private let value = ValueLayout(
    typeName: "View", size: 8, stride: 8, alignment: 8, slots: [ReferenceSlot(offset: 0, strength: .pointer)])

  @Test func elementsOfEveryContainerHaveTheirSlots() {
    #expect(ObjectLayout.array(elements: 32, element: key).slots == key.slots)
    #expect(ObjectLayout.ring(elements: 40, element: value).slots == value.slots)
    #expect(ObjectLayout.hashTable(bitmap: 64, key: key, value: value).slots == key.slots + value.slots)
    #expect(ObjectLayout.hashTable(bitmap: 64, key: key, value: nil).slots == key.slots)
    #expect(ObjectLayout.fixed(size: 24, slots: value.slots).slots == value.slots)
  }

  @Test func whatIsNotListedHasNone() {
    for layout: ObjectLayout in [.conservative, .none, .string, .taskSlab, .task(schedulerLinks: [1]), .sideTable] {
      #expect(layout.slots.isEmpty)
    }
  }
}
