import Testing

@testable import SwiftMetadata

private protocol Shape { var area: Double { get } }
private final class Leaf {}

private struct Request {
  var number: Int
  var before: Leaf?
  var handler: () -> Void
  var leaf: Leaf
}

private struct Drawing {
  weak var owner: Leaf?
  var shape: any Shape
}

private enum Work {
  case request(Request)
  case idle, done
}

private enum Either {
  case left(Request?)
  case right(Leaf, Leaf, Leaf, Leaf, Leaf)
}

private final class Optionals {
  var request: Request?
  var drawing: Drawing?
  var work = Work.idle
  var either = Either.left(nil)
  var plain = Request(number: 1, before: nil, handler: {}, leaf: Leaf())
}

/// Which words say whether an optional's value is there.
@Suite struct PresentWordsTests {
  private func slots(_ path: String, of object: AnyObject) throws -> [ReferenceSlot] {
    let type = try #require(OwnProcess.type(of: object, try OwnProcess.decoder()))
    return type.layout.slots.filter { $0.path.hasPrefix(path) && $0.strength != .number }
  }

  @Test func whatNoValueCanDoWithoutTellsNil() throws {
    let object = Optionals()
    let request = try slots("request", of: object)
    // {number, before, handler's function, its context, leaf}: the first is an integer, the second and the fourth may be 0.
    let start = try #require(request.first).offset - 8
    #expect(request.map { $0.offset - start } == [8, 24, 32])
    #expect(request.map { $0.liveWords.map { $0 - start } } == [[16, 32], [16, 32], [16]])
    // A value, and what its type stands in.
    let drawing = try slots("drawing", of: object)
    let first = try #require(drawing.first).offset
    #expect(drawing.map { $0.offset - first } == [0, 8, 16, 24])
    #expect(drawing.allSatisfy { $0.liveWords == [first + 32] }, "\(drawing)")
    let work = try slots("work", of: object)
    #expect(work.count == 3 && work.allSatisfy { !$0.liveWords.isEmpty }, "\(work)")
  }

  @Test func nothingIsSaidWithoutAnEmptyCase() throws {
    let object = Optionals()
    let plain = try slots("plain", of: object)
    #expect(plain.count == 3 && plain.allSatisfy { $0.liveWords.isEmpty }, "\(plain)")
    // In one case a word tells whether there is a value, in the other one it is any reference.
    let either = try slots("either", of: object)
    #expect(!either.isEmpty && either.allSatisfy { $0.liveWords.isEmpty }, "\(either)")
  }
}
